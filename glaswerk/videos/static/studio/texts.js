// Drawing texts and stickers onto a canvas as the renderer draws them: the same type, the same breaks, the same places.

/** @typedef {import("./arrange.js").OverlayView} OverlayView */

export const FACE = '"Inter Variable", "Inter", system-ui, sans-serif';
const LINE_EM = 1.25;
const WIDEST = 0.9;
/** The baseline below the top of its line: capitals are in the middle. */
const BASELINE_EM = 0.99;

/** @param {CanvasRenderingContext2D} context @param {number} em */
export function setType(context, em) {
  context.font = `700 ${em}px ${FACE}`;
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
}

/** Break at words; a word that is longer than a line is broken itself.
 * @param {(text: string) => number} measure @param {string} text @param {number} widest @returns {string[]} */
export function breakLines(measure, text, widest) {
  return text.split("\n").flatMap((line) => {
    /** @type {string[]} */
    const lines = [];
    let current = "";
    for (const word of line.split(/(?<=\s)(?=\S)/u)) {
      if (measure((current + word).trimEnd()) <= widest) {
        current += word;
        continue;
      }
      if (current.trim()) lines.push(current.trimEnd());
      current = "";
      for (const letter of word) {
        if (current && measure(current + letter) > widest) {
          lines.push(current);
          current = "";
        }
        current += letter;
      }
    }
    return [...lines, current.trimEnd()];
  });
}

/** The lines of a text and the size of its block, in pixels of the frame.
 * @param {CanvasRenderingContext2D} context @param {OverlayView["parameters"]} text @param {number} width @param {number} height */
export function layOut(context, text, width, height) {
  const em = text.size * height;
  setType(context, em);
  const measure = (/** @type {string} */ part) => context.measureText(part).width;
  const lines = breakLines(measure, text.text, width * WIDEST);
  const widths = lines.map(measure);
  return { em, lines, widths, width: Math.max(...widths, 1), height: lines.length * LINE_EM * em };
}

/** @param {CanvasRenderingContext2D} context @param {OverlayView["parameters"]} text @param {number} width @param {number} height */
export function drawText(context, text, width, height) {
  const block = layOut(context, text, width, height);
  const { em } = block;
  context.save();
  context.translate(text.x * width, text.y * height);
  context.rotate((text.rotation * Math.PI) / 180);
  if (text.style === "box") {
    context.fillStyle = text.background;
    context.beginPath();
    context.roundRect(-block.width / 2 - 0.35 * em, -block.height / 2 - 0.2 * em, block.width + 0.7 * em, block.height + 0.4 * em, 0.25 * em);
    context.fill();
  }
  const passes = passesOf(context, text, em);
  for (const pass of passes) {
    context.save();
    pass.prepare();
    block.lines.forEach((line, at) => {
      const spare = block.width - block.widths[at];
      const x = -block.width / 2 + (text.align === "left" ? 0 : text.align === "right" ? spare : spare / 2);
      const y = -block.height / 2 + (at * LINE_EM + BASELINE_EM) * em;
      if (pass.stroke) context.strokeText(line, x, y);
      else context.fillText(line, x, y);
    });
    context.restore();
  }
  context.restore();
}

/** @param {CanvasRenderingContext2D} context @param {OverlayView["parameters"]} text @param {number} em */
function passesOf(context, text, em) {
  const fill = {
    stroke: false,
    prepare: () => {
      context.fillStyle = text.color;
      if (text.style === "plain") {
        context.shadowColor = "rgb(0 0 0 / 0.6)";
        context.shadowBlur = 0.16 * em * scaleOf(context);
        context.shadowOffsetY = 0.04 * em * scaleOf(context);
      }
    },
  };
  if (text.style === "outline") {
    const outline = {
      stroke: true,
      prepare: () => {
        context.strokeStyle = text.background;
        context.lineWidth = 0.16 * em;
        context.lineJoin = "round";
      },
    };
    return [outline, fill];
  }
  if (text.style === "neon") {
    const glow = {
      stroke: false,
      prepare: () => {
        context.fillStyle = text.color;
        context.shadowColor = text.color;
        context.shadowBlur = 0.5 * em * scaleOf(context);
      },
    };
    // The tube itself is nearly white, as a lamp's is.
    const tube = {
      stroke: false,
      prepare: () => {
        context.fillStyle = `color-mix(in srgb, ${text.color} 33%, white)`;
      },
    };
    return [glow, glow, tube];
  }
  return [fill];
}

/** Shadows are measured in pixels of the canvas, whatever it is scaled by. @param {CanvasRenderingContext2D} context */
const scaleOf = (context) => Math.hypot(context.getTransform().a, context.getTransform().b);

/** @param {CanvasRenderingContext2D} context @param {OverlayView["parameters"]} sticker @param {CanvasImageSource|null} picture
 * @param {number} width @param {number} height */
export function drawSticker(context, sticker, picture, width, height) {
  if (!picture) return;
  const side = sticker.size * height;
  context.save();
  context.translate(sticker.x * width, sticker.y * height);
  context.rotate((sticker.rotation * Math.PI) / 180);
  context.drawImage(picture, -side / 2, -side / 2, side, side);
  context.restore();
}

/** Captions that are drawn into the picture. @param {CanvasRenderingContext2D} context @param {string} text @param {number} width @param {number} height */
export function drawCaption(context, text, width, height) {
  drawText(context, { text, x: 0.5, y: 0.82, size: 0.03, color: "#ffffff", background: "#000000b0", align: "center", style: "box", rotation: 0 }, width, height);
}

/** The box that an overlay fills, in fractions of the frame, unrotated. @param {CanvasRenderingContext2D} context @param {OverlayView} overlay
 * @param {number} width @param {number} height */
export function boxOf(context, overlay, width, height) {
  const { x, y, size } = overlay.parameters;
  if (overlay.kind === "sticker") return { x, y, width: (size * height) / width, height: size };
  const block = layOut(context, overlay.parameters, width, height);
  return { x, y, width: (block.width + 0.7 * block.em) / width, height: (block.height + 0.4 * block.em) / height };
}
