// Swaps server-rendered numbers into elements marked data-live="/live/...".
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
