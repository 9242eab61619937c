// Makes pages live and comfortable. Every page works without this file.
(() => {
  "use strict";

  // Times: relative and kept fresh; the exact one, in the reader's zone, on hover and focus.
  const UNITS = [[86400, "day"], [3600, "h"], [60, "min"], [1, "s"]];
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  function relative(moment) {
    const seconds = (Date.now() - moment) / 1000;
    const distance = Math.abs(seconds);
    if (distance < 5) return seconds < 0 ? "now" : "just now";
    const [length, unit] = UNITS.find(([one]) => distance >= one);
    const count = Math.floor(distance / length);
    const words = `${count} ${unit}${unit === "day" && count > 1 ? "s" : ""}`;
    return seconds > 0 ? `${words} ago` : `in ${words}`;
  }

  function showTimes() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const moment = Date.parse(time.dateTime);
      const words = "exact" in time.dataset ? short.format(moment) : relative(moment);
      if (time.textContent !== words) time.textContent = words;
      const title = exact.format(moment);
      if (time.title !== title) time.title = title;
    }
  }

  // Copying.
  function showCopyButtons() {
    for (const button of document.querySelectorAll(".copy[hidden]")) button.hidden = false;
  }

  async function copy(button) {
    const from = button.dataset.copyFrom;
    await navigator.clipboard.writeText(from ? document.getElementById(from).textContent : button.dataset.copy);
    button.classList.add("copied");
    announce("Copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  }

  function announce(words) {
    document.getElementById("announce").textContent = words;
  }

  // The palette: search and go, with the keyboard alone.
  const palette = document.getElementById("palette");

  function openPalette() {
    if (!palette || palette.open) return;
    palette.showModal();
    const field = document.getElementById("palette-q");
    field.select();
    field.dispatchEvent(new CustomEvent("tidegate:open"));
  }

  function walkPalette(event) {
    const links = [...palette.querySelectorAll("#palette-hits a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown") links[Math.min(at + 1, links.length - 1)]?.focus();
    else if (event.key === "ArrowUp" && at > 0) links[at - 1].focus();
    else if (event.key === "ArrowUp") document.getElementById("palette-q").focus();
    else if (event.key === "Escape") palette.close(); // a search field would take the first one for itself
    else if (event.key === "Enter" && at < 0 && links.length) links[0].click();
    else return;
    event.preventDefault();
  }

  palette?.addEventListener("keydown", walkPalette);
  palette?.addEventListener("click", (event) => event.target === palette && palette.close());

  // A mistake leads to its place in the text that it is about.
  function showPlace(button) {
    const field = document.getElementById("file");
    const lines = field.value.split("\n");
    const line = Number(button.dataset.line) - 1;
    const start = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0);
    field.focus();
    field.setSelectionRange(start + Number(button.dataset.column) - 1, start + (lines[line] ?? "").length);
    field.scrollTop = Math.max(0, (line - 4) * (field.scrollHeight / lines.length));
  }

  // Live: the server says that something changed; the page reads itself again, unless a person is in the middle of a form.
  let shown = null;
  let waiting = false;

  function isBusy() {
    const main = document.getElementById("main");
    const field = document.activeElement?.closest?.("input, textarea, select");
    return Boolean(
      palette?.open || main?.querySelector("[data-once], details.act[open]") || (field && main?.contains(field)) ||
      [...(main?.querySelectorAll("textarea") ?? [])].some((one) => one.value !== one.defaultValue)
    );
  }

  function refresh() {
    if (document.hidden || isBusy()) {
      waiting = true;
      return;
    }
    waiting = false;
    document.body.dispatchEvent(new CustomEvent("tidegate:changed"));
  }

  function listen() {
    const sign = document.getElementById("live-state");
    if (!sign || !window.EventSource) return;
    sign.hidden = false;
    const source = new EventSource(sign.dataset.live);
    const say = (state, words) => {
      sign.dataset.state = state;
      sign.querySelector(".live-word").textContent = words;
    };
    source.addEventListener("marker", (event) => {
      say("on", "live");
      if (shown !== null && shown !== event.data) setTimeout(refresh, Math.random() * 200);
      shown = event.data;
    });
    source.addEventListener("error", () => {
      say("off", "reconnecting");
      if (source.readyState === EventSource.CLOSED) {
        source.close();
        setTimeout(listen, 5000);
      }
    });
    addEventListener("pagehide", () => source.close(), { once: true });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.copy");
    if (button) copy(button);
    const place = event.target.closest("[data-line]");
    if (place) showPlace(place);
    for (const open of document.querySelectorAll("details.act[open], details.nav-box[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select");
    if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      openPalette();
    } else if (event.key === "/" && !typing) {
      event.preventDefault();
      document.getElementById("q")?.focus();
    } else if (event.key === "Escape") {
      const open = document.querySelector("details.act[open], details.nav-box[open]");
      if (open) {
        open.open = false;
        open.querySelector("summary").focus();
      }
    }
  });

  // A page that cannot be had now (signed out, server restarting) must not empty the one that is shown.
  document.addEventListener("htmx:before:swap", (event) => {
    const answer = event.detail?.ctx?.response?.raw;
    if (!answer || (answer.ok && !answer.redirected)) return;
    event.preventDefault();
    if (answer.redirected) location.reload();
  });

  document.addEventListener("htmx:after:swap", () => {
    showTimes();
    showCopyButtons();
    announce(palette?.open ? `${palette.querySelectorAll("#palette-hits a").length} found` : "The page was updated");
  });

  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  showTimes();
  showCopyButtons();
  listen();
  setInterval(showTimes, 15000);
  setInterval(() => waiting && refresh(), 1500);
  setInterval(refresh, 60000); // what changes by time alone: silent clusters, expiries
})();
