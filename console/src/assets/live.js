// Swaps server-rendered numbers into elements marked data-live="/live/...", and uploads files for the
// input named in data-upload.
"use strict";
for (const place of document.querySelectorAll("[data-live]")) {
  const source = new EventSource(place.dataset.live);
  source.onmessage = (message) => {
    if (place.innerHTML !== message.data) place.innerHTML = message.data;
    place.classList.remove("stale");
  };
  source.onerror = () => place.classList.add("stale");
  addEventListener("pagehide", () => source.close());
}
async function upload(picker) {
  const form = picker.form;
  const field = form.elements[picker.dataset.upload];
  const reply = await fetch("/api/v1/assets", {
    method: "POST",
    headers: { "content-type": "application/octet-stream", "x-csrf-token": form.elements.form_token.value },
    body: picker.files[0],
  });
  const kept = await reply.json();
  if (!reply.ok) {
    picker.setCustomValidity(kept.error.fields[0] ? "File " + kept.error.fields[0].rule : kept.error.message);
    picker.reportValidity();
    return;
  }
  picker.setCustomValidity("");
  if (field.tagName === "TEXTAREA") field.value = (field.value + "\n" + kept.url + " " + kept.mime + " ").trimStart();
  else field.value = kept.url;
  const size = form.elements[picker.dataset.upload.replace("image_url", "size").replace(/url$/, "size")];
  if (kept.width && size && size !== field) size.value = kept.width + "x" + kept.height;
}
for (const picker of document.querySelectorAll("[data-upload]")) {
  picker.addEventListener("change", () => picker.files[0] && upload(picker));
}
