// Zooming the timeline with two fingers, or with the wheel while Ctrl is held, which is also what a trackpad's pinch is.

/** @param {HTMLElement} area @param {(factor: number) => void} zoom */
export function watchZooming(area, zoom) {
  let apart = 0;
  const distance = (/** @type {TouchList} */ touches) => Math.hypot(touches[0].clientX - touches[1].clientX, touches[0].clientY - touches[1].clientY);
  area.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300));
    },
    { passive: false },
  );
  area.addEventListener("touchstart", (event) => (apart = event.touches.length === 2 ? distance(event.touches) : 0), { passive: true });
  area.addEventListener(
    "touchmove",
    (event) => {
      if (event.touches.length !== 2 || !apart) return;
      event.preventDefault();
      const now = distance(event.touches);
      zoom(now / apart);
      apart = now;
    },
    { passive: false },
  );
}
