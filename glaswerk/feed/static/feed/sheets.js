// Sheets: on a phone they rise over the lower part of the screen and take the focus; on a desktop they stand beside the
// video, and the keyboard goes on working for both.

const BESIDE = matchMedia("(min-width: 56.25rem)");

export class Sheets extends EventTarget {
  /** @param {HTMLElement} frame what gets the class "with-sheet" while one is open */
  constructor(frame) {
    super();
    this.frame = frame;
    /** @type {HTMLDialogElement|null} */
    this.open = null;
    /** @type {Element|null} */
    this.opener = null;
    for (const sheet of frame.querySelectorAll("dialog.sheet")) this.prepare(/** @type {HTMLDialogElement} */ (sheet));
    // When the window passes from one form to the other, an open sheet has to be opened anew in that form.
    BESIDE.addEventListener("change", () => {
      const sheet = this.open;
      if (!sheet) return;
      sheet.close();
      this.show(sheet);
    });
  }

  /** @param {HTMLDialogElement} sheet */
  prepare(sheet) {
    sheet.addEventListener("close", () => {
      if (this.open === sheet) this.open = null;
      this.frame.classList.toggle("with-sheet", Boolean(this.open));
      this.dispatchEvent(new CustomEvent("close", { detail: { sheet } }));
      if (!this.open && this.opener instanceof HTMLElement && this.opener.isConnected) this.opener.focus({ preventScroll: true });
    });
    // A touch outside closes it: outside of the dialog's box is its backdrop.
    sheet.addEventListener("click", (event) => {
      if (event.target !== sheet) return;
      const box = sheet.getBoundingClientRect();
      if (event.clientY < box.top || event.clientX < box.left || event.clientX > box.right) sheet.close();
    });
    this.allowPullingDown(sheet);
  }

  /** @param {HTMLDialogElement} sheet */
  allowPullingDown(sheet) {
    const head = /** @type {HTMLElement|null} */ (sheet.querySelector(".sheet-head"));
    if (!head) return;
    let from = 0;
    let pulling = false;
    head.addEventListener("pointerdown", (event) => {
      if (BESIDE.matches || (event.target instanceof Element && event.target.closest("button, a"))) return;
      pulling = true;
      from = event.clientY;
      head.setPointerCapture(event.pointerId);
    });
    head.addEventListener("pointermove", (event) => {
      if (pulling) sheet.style.setProperty("translate", `0 ${Math.max(0, event.clientY - from)}px`);
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      head.addEventListener(kind, (event) => {
        if (!pulling) return;
        pulling = false;
        sheet.style.removeProperty("translate");
        if (/** @type {PointerEvent} */ (event).clientY - from > 90) sheet.close();
      });
    }
  }

  /** @param {HTMLDialogElement} sheet */
  show(sheet) {
    if (this.open === sheet && sheet.open) return;
    const opener = document.activeElement;
    const before = this.open;
    this.open = sheet;
    before?.close();
    this.opener = opener;
    if (BESIDE.matches && !sheet.classList.contains("always-over")) {
      sheet.show();
      sheet.setAttribute("aria-modal", "false");
    } else {
      sheet.removeAttribute("aria-modal");
      sheet.showModal();
    }
    this.frame.classList.toggle("with-sheet", !sheet.classList.contains("auto"));
  }

  /** @param {HTMLDialogElement} sheet */
  toggle(sheet) {
    if (this.open === sheet) sheet.close();
    else this.show(sheet);
  }

  close() {
    this.open?.close();
  }
}
