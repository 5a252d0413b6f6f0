// What camera and microphone say when they are refused, in words that help.

import { gettext } from "../web/words.js";

/** @param {any} error of getUserMedia @param {boolean} camera whether the camera was asked for too
 * @returns {{title: string, text: string}} */
export function refusalWords(error, camera) {
  if (!navigator.mediaDevices?.getUserMedia) {
    return { title: gettext("This browser cannot record here"), text: gettext("Recording needs a secure connection (https). You can choose files instead.") };
  }
  if (error?.name === "NotFoundError" || error?.name === "OverconstrainedError") {
    return camera
      ? { title: gettext("No camera was found"), text: gettext("Connect one, or choose files instead.") }
      : { title: gettext("No microphone was found"), text: gettext("Connect one, and try again.") };
  }
  if (error?.name === "NotReadableError" || error?.name === "AbortError") {
    return { title: gettext("The camera is busy"), text: gettext("Another program uses it. Close that one, and try again.") };
  }
  return camera
    ? { title: gettext("Camera and microphone are not allowed"), text: gettext("Allow them for this page: touch the symbol beside the address, then try again.") }
    : { title: gettext("The microphone is not allowed"), text: gettext("Allow it for this page: touch the symbol beside the address, then try again.") };
}

/** The container that this browser records best. @param {boolean} video */
export function recordingType(video) {
  const wanted = video ? ["video/mp4;codecs=avc1.42E01E,mp4a.40.2", "video/webm;codecs=h264,opus", "video/webm;codecs=vp9,opus", "video/webm;codecs=vp8,opus", "video/webm"] : ["audio/mp4;codecs=mp4a.40.2", "audio/webm;codecs=opus", "audio/webm"];
  return wanted.find((one) => MediaRecorder.isTypeSupported(one)) ?? "";
}

/** @param {string} type */
export const extensionOf = (type) => (type.includes("mp4") ? "mp4" : "webm");
