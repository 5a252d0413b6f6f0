// What was really played of one visit to a video.

/** Counts what was really played of one visit to a video. */
export class Meter {
  constructor() {
    this.playedMs = 0;
    this.loops = 0;
    this.last = 0;
    this.finished = false;
  }

  /** @param {HTMLVideoElement} video */
  read(video) {
    const now = video.currentTime;
    let step = now - this.last;
    if (step < 0 && this.last > video.duration * 0.5) {
      step = video.duration - this.last + now;
      this.loops += 1;
    }
    // Larger steps are jumps, and what was jumped over was not watched.
    if (step > 0 && step < 2.5) this.playedMs += step * 1000;
    this.last = now;
    if (this.playedMs >= video.duration * 900) this.finished = true;
  }
}
