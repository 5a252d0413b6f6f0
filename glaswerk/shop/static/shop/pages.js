// The shop's pages work without this; with it, a change counts at once and what was pressed is not pressed twice.

for (const form of document.querySelectorAll("form[data-sends-itself]")) {
  form.classList.add("live");
  form.addEventListener("change", () => /** @type {HTMLFormElement} */ (form).requestSubmit());
}

for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll("form[data-checkout]"))) {
  form.addEventListener("change", (event) => {
    const field = /** @type {HTMLElement} */ (event.target);
    if (field.matches("[data-updates]")) form.requestSubmit(form.querySelector("button[value=update]"));
  });
}

// Of tabs that are wider than the screen, the one where one is comes into sight.
document.querySelector(".console-nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  form.setAttribute("aria-busy", "true");
});

// Whoever comes back finds the form as it was, and may send it again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});
