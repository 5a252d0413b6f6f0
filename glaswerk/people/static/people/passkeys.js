// Passkeys: forms with `data-passkey` ask the browser for a credential and send it as JSON in their hidden field.
//
//   create    a new passkey; its options stand in the JSON block that `data-passkey-options` names
//   get       proof with a passkey of a known person; options likewise
//   sign-in   proof with any passkey of this site; options are fetched when the button is pressed

const toBytes = (text) => {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
};

const toText = (buffer) => {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

const withBytes = (credential) => ({ ...credential, id: toBytes(credential.id) });

function decoded({ publicKey }) {
  const options = { ...publicKey, challenge: toBytes(publicKey.challenge) };
  if (publicKey.user) options.user = withBytes(publicKey.user);
  if (publicKey.excludeCredentials) options.excludeCredentials = publicKey.excludeCredentials.map(withBytes);
  if (publicKey.allowCredentials) options.allowCredentials = publicKey.allowCredentials.map(withBytes);
  return options;
}

function encoded(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
}

async function optionsOf(form) {
  if (form.dataset.passkey === "sign-in") {
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error("no options");
    return (await answer.json()).request_options;
  }
  const data = JSON.parse(document.getElementById(form.dataset.passkeyOptions).textContent);
  return data.creation_options ?? data.request_options;
}

async function credentialFor(form) {
  const publicKey = decoded(await optionsOf(form));
  if (form.dataset.passkey !== "create") return navigator.credentials.get({ publicKey });
  const alone = form.elements.passwordless.checked;
  publicKey.authenticatorSelection = {
    ...publicKey.authenticatorSelection,
    residentKey: alone ? "required" : "discouraged",
    requireResidentKey: alone,
    userVerification: alone ? "required" : "preferred",
  };
  return navigator.credentials.create({ publicKey });
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const start = form.querySelector("[data-passkey-start]");
  const error = form.querySelector("[data-passkey-error]");
  const say = (words) => {
    error.textContent = words;
    error.hidden = !words;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    say("");
    if (!window.PublicKeyCredential) {
      say(error.dataset.missing);
      return;
    }
    start.disabled = true;
    try {
      form.elements.credential.value = JSON.stringify(encoded(await credentialFor(form)));
      // `submit()` sends the form without coming back to this listener.
      form.submit();
    } catch (problem) {
      // A SecurityError means an address that is a number, or no secure one: browsers bind passkeys to names.
      const reasons = { NotAllowedError: error.dataset.cancelled, SecurityError: error.dataset.address };
      say(reasons[problem.name] ?? error.dataset.failed);
      start.disabled = false;
    }
  });
}
