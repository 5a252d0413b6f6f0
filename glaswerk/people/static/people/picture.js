// Shows a chosen picture before it is sent, cropped as it will be.

for (const part of document.querySelectorAll("[data-picture]")) {
  const input = part.querySelector("input[type=file]");
  const preview = part.querySelector("[data-preview]");
  const current = part.querySelector(".avatar:not([data-preview])");
  let address = "";
  input.addEventListener("change", () => {
    if (address) URL.revokeObjectURL(address);
    const [file] = input.files;
    address = file ? URL.createObjectURL(file) : "";
    preview.src = address;
    preview.hidden = !file;
    current.hidden = Boolean(file);
  });
  // A file that is no picture has no preview; the server says why when it is sent.
  preview.addEventListener("error", () => {
    preview.hidden = true;
    current.hidden = false;
  });
}
