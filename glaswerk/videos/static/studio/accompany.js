// What plays along while one records: the other's video of a duet, or the sound that was chosen.

import { arrange, mediaAt } from "./arrange.js";
import { nameItems } from "./document.js";

export class Accompaniment {
  /** @param {HTMLElement} page @param {HTMLVideoElement} partner */
  constructor(page, partner) {
    this.page = page;
    this.partner = partner;
    this.sound = new Audio();
    this.soundFrom = 0;
    this.partnerFrom = 0;
  }

  /** @param {import("./calls.js").Draft} draft */
  take(draft) {
    if (!draft.timeline?.tracks) return;
    const all = arrange(nameItems(draft.timeline));
    const other = all.partner[0];
    const source = other && draft.sources.find((one) => `source:${one.id}` === other.address);
    if (source?.url && all.layout !== "single") {
      this.partner.src = source.url;
      this.partner.hidden = false;
      this.partnerFrom = mediaAt(other, 0);
      this.page.dataset.layout = all.layout;
    }
    const music = all.music[0];
    const sound = music && draft.sounds.find((one) => `sound:${one.id}` === music.address);
    if (sound?.url) {
      this.sound.src = sound.url;
      this.soundFrom = mediaAt(music, 0);
    }
  }

  /** @param {number} at where on the timeline the take begins, in milliseconds */
  play(at) {
    for (const [player, from] of /** @type {[HTMLMediaElement, number][]} */ ([[this.partner, this.partnerFrom], [this.sound, this.soundFrom]])) {
      if (!player.currentSrc && !player.src) continue;
      player.currentTime = (from + at) / 1000;
      player.play().catch(() => {});
    }
  }

  pause() {
    this.partner.pause();
    this.sound.pause();
  }
}
