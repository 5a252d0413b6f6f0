// What is heard of the timeline: a gain for each player, and music that steps back while clips or voices are heard.

/** Louder than this, measured as an effective value, counts as speaking. */
const HEARD = 0.012;
const BACK_S = 0.08;
const FORTH_S = 0.4;

export class Mixer {
  constructor() {
    /** @type {AudioContext|null} */
    this.context = null;
    /** @type {WeakMap<HTMLMediaElement, GainNode>} */
    this.gains = new WeakMap();
    this.muted = false;
  }

  /** Sound needs a touch of the person first; before that, players stay silent. */
  wake() {
    if (!this.context) {
      const context = new AudioContext();
      this.context = context;
      this.all = context.createGain();
      this.voices = context.createGain();
      this.music = context.createGain();
      this.listener = context.createAnalyser();
      this.listener.fftSize = 1024;
      this.samples = new Float32Array(this.listener.fftSize);
      this.voices.connect(this.all);
      this.voices.connect(this.listener);
      this.music.connect(this.all);
      this.all.connect(context.destination);
    }
    void this.context.resume();
  }

  /** @param {HTMLMediaElement} player @param {"voices"|"music"} bus @param {number} volume */
  set(player, bus, volume) {
    const { context } = this;
    if (!context) {
      player.muted = true;
      return;
    }
    let gain = this.gains.get(player);
    if (!gain) {
      gain = context.createGain();
      context.createMediaElementSource(player).connect(gain);
      gain.connect(/** @type {GainNode} */ (bus === "music" ? this.music : this.voices));
      this.gains.set(player, gain);
    }
    player.muted = false;
    gain.gain.setTargetAtTime(volume, context.currentTime, 0.01);
  }

  /** Let music step back or come forth. @param {number} duckDb 0 where it should not */
  duck(duckDb) {
    const { context, listener, music, samples, all } = this;
    if (!context || !listener || !music || !samples || !all) return;
    all.gain.value = this.muted ? 0 : 1;
    listener.getFloatTimeDomainData(samples);
    const heard = Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length);
    const speaks = duckDb > 0 && heard > HEARD;
    music.gain.setTargetAtTime(speaks ? 10 ** (-duckDb / 20) : 1, context.currentTime, speaks ? BACK_S : FORTH_S);
  }
}
