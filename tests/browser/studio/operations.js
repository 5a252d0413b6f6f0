// Random sequences of everything that the studio does to a document, for the test that holds each result to the form.

/** A generator of numbers that is the same everywhere. @param {number} seed */
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** @param {any} doc @param {any} otio @param {any} trims @param {any} arrange @param {number} seed @param {number} steps */
export function randomTimelines(doc, otio, trims, { arrange }, seed, steps) {
  const random = numbers(seed);
  const whole = (/** @type {number} */ low, /** @type {number} */ high) => low + Math.floor(random() * (high - low + 1));
  const any = (/** @type {any[]} */ list) => list[Math.floor(random() * list.length)];
  const media = { "source:a": 6000, "source:b": 2500, "source:c": 900 };
  let made = otio.emptyTimeline();
  const states = [];
  const clip = () => {
    const address = any(Object.keys(media));
    return otio.mediaClip(address, { length: media[/** @type {keyof typeof media} */ (address)] });
  };
  made = doc.insertClips(made, [clip()]);
  const does = [
    () => doc.insertClips(made, [clip()], whole(0, 6)),
    () => (arrange(made).clips.length > 1 ? doc.removeClip(made, any(arrange(made).clips).id) : made),
    () => doc.moveClip(made, any(arrange(made).clips).id, whole(-1, 6)),
    () => doc.splitAt(made, whole(-100, doc.durationOf(made) + 100)),
    () => doc.setSpeed(made, any(arrange(made).clips).id, 0.1 + random() * 4),
    () => doc.duplicateClip(made, any(arrange(made).clips).id),
    () => doc.setClip(made, any(arrange(made).clips).id, any([{ filter: "noir", filter_strength: random() }, { volume: random() * 2 }, { fit: "contain", backdrop: "blur" }, { filter: null }])),
    () => doc.setEveryClip(made, { filter: any(["warm", null]) }),
    () => doc.setTransition(made, any(arrange(made).clips).id, any(["", "dissolve", "fade", "slide_left", "slide_up", "wipe", "circle", "zoom"]), whole(200, 2000)),
    () => {
      const one = any(arrange(made).clips);
      const { from, length } = trims.trimmedClip(one, any(["start", "end"]), whole(-3000, 3000), media[/** @type {keyof typeof media} */ (one.address)]);
      return doc.trimClip(made, one.id, from, length);
    },
    () => doc.addOverlay(made, "text", { text: any(["Hi", "two\nlines", "a'b:c\\d%{x}", "😀"]), x: random(), y: random(), size: 0.05, style: any(["plain", "box", "outline", "neon"]) }, whole(0, 5000), whole(100, 3000)),
    () => doc.addOverlay(made, "sticker", { name: any(["star", "heart"]), x: random(), y: random(), size: 0.1 }, whole(0, 5000), whole(100, 3000)),
    () => doc.place(made, "music", otio.mediaClip("sound:s", { length: whole(500, 9000) }), whole(0, 4000), { duck: true, duck_db: 12 }),
    () => doc.place(made, "voice", otio.mediaClip("source:a", { length: whole(200, 3000) }), whole(0, 4000)),
    () => doc.setDucking(made, random() < 0.5),
    () => doc.setCaptions(made, [...arrange(made).captions, { start_ms: whole(0, 5000), end_ms: whole(0, 6000), text: "said" }]),
    () => doc.setFacts(made, { cover_ms: whole(0, 900), burn_captions: any([true, null]) }),
    () => doc.settleLengths(made, new Map([["source:a", { durationMs: whole(3000, 6000), isPicture: false }]])),
    ...["overlays", "music", "voice"].flatMap((family) => [
      () => placed(family, (id) => doc.removePlaced(made, id)),
      () => placed(family, (id) => doc.timePlaced(made, id, { start: whole(-500, 5000), length: whole(10, 3000) })),
      () => placed(family, (id) => doc.duplicatePlaced(made, id)),
    ]),
    () => placed("overlays", (id) => doc.setParameters(made, id, { x: random(), rotation: whole(-180, 180) })),
  ];
  /** @param {string} family @param {(id: string) => any} run */
  function placed(family, run) {
    const found = doc.placedOf(made, family);
    return found.length ? run(otio.idOf(any(found).clip)) : made;
  }
  for (let step = 0; step < steps; step += 1) {
    const before = JSON.stringify(made);
    const after = any(does)();
    // Nothing that was there before may change: undoing is going back to it.
    if (JSON.stringify(made) !== before) throw new Error("an operation changed the document that it was given");
    made = after;
    states.push(made);
  }
  return states;
}
