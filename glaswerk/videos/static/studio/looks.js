// Looks in the preview: the renderer's own tables of colours, put over a picture by the graphics card, or where there is
// none by the processor.

/** @typedef {{name: string, title: string, table: string}} Look */

const SHADER = {
  vertex: `#version 300 es
    in vec2 place;
    out vec2 at;
    void main() { at = vec2(place.x, 1.0 - place.y); gl_Position = vec4(place * 2.0 - 1.0, 0.0, 1.0); }`,
  fragment: `#version 300 es
    precision highp float;
    precision highp sampler3D;
    in vec2 at;
    out vec4 color;
    uniform sampler2D picture;
    uniform sampler3D table;
    uniform float size;
    uniform float strength;
    void main() {
      vec4 before = texture(picture, at);
      vec3 after = texture(table, before.rgb * ((size - 1.0) / size) + 0.5 / size).rgb;
      color = vec4(mix(before.rgb, after, strength), before.a);
    }`,
};

/** A table of size³ colours, red fastest, of three bytes each. */
class Table {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.size = Math.round(Math.cbrt(bytes.length / 3));
  }

  /** Change pixels in place, blending between the eight nearest entries. @param {Uint8ClampedArray} pixels @param {number} strength */
  apply(pixels, strength) {
    const { bytes, size } = this;
    const scale = (size - 1) / 255;
    for (let at = 0; at < pixels.length; at += 4) {
      const place = [pixels[at] * scale, pixels[at + 1] * scale, pixels[at + 2] * scale];
      const low = place.map((one) => Math.min(size - 2, Math.floor(one)));
      const part = place.map((one, axis) => one - low[axis]);
      for (let channel = 0; channel < 3; channel += 1) {
        let sum = 0;
        for (let corner = 0; corner < 8; corner += 1) {
          const [r, g, b] = [corner & 1, (corner >> 1) & 1, corner >> 2];
          const weight = (r ? part[0] : 1 - part[0]) * (g ? part[1] : 1 - part[1]) * (b ? part[2] : 1 - part[2]);
          if (weight) sum += weight * bytes[3 * (low[0] + r + size * (low[1] + g + size * (low[2] + b))) + channel];
        }
        pixels[at + channel] += (sum - pixels[at + channel]) * strength;
      }
    }
  }
}

/** The graphics card's way; `null` where there is none. */
class Card {
  /** @returns {Card|null} */
  static open() {
    const canvas = document.createElement("canvas");
    const gl = canvas.getContext("webgl2", { premultipliedAlpha: false, preserveDrawingBuffer: true });
    return gl ? new Card(canvas, gl) : null;
  }

  /** @param {HTMLCanvasElement} canvas @param {WebGL2RenderingContext} gl */
  constructor(canvas, gl) {
    this.canvas = canvas;
    this.gl = gl;
    /** @type {Map<Table, WebGLTexture>} */
    this.textures = new Map();
    const program = /** @type {WebGLProgram} */ (gl.createProgram());
    for (const [kind, text] of [[gl.VERTEX_SHADER, SHADER.vertex], [gl.FRAGMENT_SHADER, SHADER.fragment]]) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(/** @type {number} */ (kind)));
      gl.shaderSource(shader, /** @type {string} */ (text));
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    const place = gl.getAttribLocation(program, "place");
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 2, gl.FLOAT, false, 0, 0);
    this.uniform = (/** @type {string} */ name) => gl.getUniformLocation(program, name);
    gl.uniform1i(this.uniform("picture"), 0);
    gl.uniform1i(this.uniform("table"), 1);
    this.picture = this.texture(gl.TEXTURE_2D);
  }

  /** @param {number} kind */
  texture(kind) {
    const { gl } = this;
    const made = gl.createTexture();
    gl.bindTexture(kind, made);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(kind, name, gl.LINEAR);
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(kind, name, gl.CLAMP_TO_EDGE);
    return made;
  }

  /** @param {HTMLCanvasElement} source @param {Table} table @param {number} strength */
  apply(source, table, strength) {
    const { gl, canvas } = this;
    if (canvas.width !== source.width || canvas.height !== source.height) {
      canvas.width = source.width;
      canvas.height = source.height;
    }
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.activeTexture(gl.TEXTURE1);
    let colors = this.textures.get(table);
    if (!colors) {
      colors = /** @type {WebGLTexture} */ (this.texture(gl.TEXTURE_3D));
      gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
      gl.texImage3D(gl.TEXTURE_3D, 0, gl.RGB8, table.size, table.size, table.size, 0, gl.RGB, gl.UNSIGNED_BYTE, table.bytes);
      this.textures.set(table, colors);
    }
    gl.bindTexture(gl.TEXTURE_3D, colors);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.picture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, source);
    gl.uniform1f(this.uniform("size"), table.size);
    gl.uniform1f(this.uniform("strength"), strength);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    return canvas;
  }
}

export class Looks {
  /** @param {Look[]} list @param {() => void} onChange when a table has come */
  constructor(list, onChange) {
    this.list = list;
    this.onChange = onChange;
    /** @type {Map<string, Table|null>} null while it is on its way */
    this.tables = new Map();
    this.card = Card.open();
  }

  /** @param {string} name @returns {Table|null} */
  tableOf(name) {
    const known = this.tables.get(name);
    if (known !== undefined) return known;
    this.tables.set(name, null);
    const address = this.list.find((look) => look.name === name)?.table;
    if (address) void this.load(name, address);
    return null;
  }

  /** @param {string} name @param {string} address */
  async load(name, address) {
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok) return;
    this.tables.set(name, new Table(new Uint8Array(await answer.arrayBuffer())));
    this.onChange();
  }

  /** @param {HTMLCanvasElement} picture @param {string} name @param {number} strength @returns {HTMLCanvasElement} the picture in this look */
  apply(picture, name, strength) {
    const table = name && strength > 0 ? this.tableOf(name) : null;
    if (!table) return picture;
    if (this.card && !this.card.gl.isContextLost()) return this.card.apply(picture, table, strength);
    const context = /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d", { willReadFrequently: true }));
    const pixels = context.getImageData(0, 0, picture.width, picture.height);
    table.apply(pixels.data, strength);
    context.putImageData(pixels, 0, 0);
    return picture;
  }
}
