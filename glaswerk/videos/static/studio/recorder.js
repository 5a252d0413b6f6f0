// The camera: a stream, and takes that are recorded from it.

import { recordingType } from "./microphone.js";

export class Recorder extends EventTarget {
  /** @param {HTMLVideoElement} finder */
  constructor(finder) {
    super();
    this.finder = finder;
    this.facing = "user";
    /** @type {MediaStream|null} */
    this.stream = null;
    /** @type {MediaRecorder|null} */
    this.recording = null;
    this.begunAt = 0;
    this.cameras = 0;
    this.hasSound = true;
  }

  /** Ask for camera and microphone. Throws what the browser says. */
  async start() {
    this.stop();
    const video = { facingMode: this.facing, width: { ideal: 1080 }, height: { ideal: 1920 }, aspectRatio: { ideal: 9 / 16 }, frameRate: { ideal: 30 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video, audio: { echoCancellation: true, noiseSuppression: true } });
    this.stream = stream;
    for (const track of stream.getAudioTracks()) track.enabled = this.hasSound;
    for (const track of stream.getTracks()) track.addEventListener("ended", () => this.dispatchEvent(new Event("lost")));
    this.finder.srcObject = stream;
    this.finder.classList.toggle("mirrored", this.facing === "user");
    this.cameras = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "videoinput").length;
    await this.finder.play().catch(() => {});
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
  }

  async flip() {
    const before = this.facing;
    this.facing = before === "user" ? "environment" : "user";
    try {
      await this.start();
    } catch (error) {
      this.facing = before;
      await this.start();
      throw error;
    }
  }

  /** @param {boolean} on */
  setSound(on) {
    this.hasSound = on;
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = on;
  }

  get isRecording() {
    return this.recording !== null;
  }

  get elapsed() {
    return this.recording ? performance.now() - this.begunAt : 0;
  }

  /** Begin a take. */
  record() {
    if (!this.stream || this.recording) return;
    const recording = new MediaRecorder(this.stream, { mimeType: recordingType(true), videoBitsPerSecond: 6_000_000, audioBitsPerSecond: 128_000 });
    /** @type {Blob[]} */
    const parts = [];
    recording.addEventListener("dataavailable", (event) => event.data.size && parts.push(event.data));
    recording.addEventListener("start", () => (this.begunAt = performance.now()));
    recording.addEventListener("stop", () => {
      const lengthMs = Math.round(performance.now() - this.begunAt);
      this.recording = null;
      const blob = new Blob(parts, { type: recording.mimeType });
      this.dispatchEvent(new CustomEvent("take", { detail: { blob, lengthMs } }));
    });
    this.begunAt = performance.now();
    this.recording = recording;
    // Now and then a part, so that a long take does not wait in the recorder until its end.
    recording.start(1000);
  }

  finish() {
    if (this.recording?.state === "recording") this.recording.stop();
  }
}
