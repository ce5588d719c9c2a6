// Keeps a page fresh, follows its forms in place, and counts times on. Every page works without it, by loading anew.

const root = document.documentElement;
const body = document.body;
const words = body.dataset;
root.classList.add("script");

// The server's clock, by which its times are told.
const ahead = Number(words.now) - Date.now();
const now = () => Date.now() + ahead;

// ---- times ----

const UNITS = [[60, "Seconds", 1], [3600, "Minutes", 60], [86400, "Hours", 3600], [Infinity, "Days", 86400]];

function relative(at) {
  const seconds = Math.trunc((now() - at) / 1000);
  const distance = Math.abs(seconds);
  if (distance < 5) return words.timeNow;
  const [, unit, size] = UNITS.find(([end]) => distance < end);
  return words[(seconds < 0 ? "timeIn" : "time") + unit].replace("{n}", Math.trunc(distance / size));
}

const clock = new Intl.DateTimeFormat(root.lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const short = new Intl.DateTimeFormat(root.lang, { hour: "2-digit", minute: "2-digit", hour12: false });
const whole = new Intl.DateTimeFormat(root.lang, { dateStyle: "medium", timeStyle: "medium" });

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function tellTimes(within = document) {
  for (const time of within.querySelectorAll("time[data-ago]")) {
    write(time, relative(Number(time.dataset.ago)));
    time.title ||= whole.format(Number(time.dataset.ago));
  }
  for (const time of within.querySelectorAll("time[data-at]")) {
    const isPlot = time.closest(".scale");
    write(time, (isPlot ? short : clock).format(Number(time.dataset.at)));
    time.title ||= whole.format(Number(time.dataset.at));
  }
}

function countDown() {
  for (const code of document.querySelectorAll("[data-until]")) {
    const left = Math.ceil((Number(code.dataset.until) - now()) / 1000);
    const line = code.querySelector(".countdown");
    code.classList.toggle("over", left <= 0);
    write(line, left > 0 ? line.dataset.text.replace("{n}", left) : line.dataset.over);
  }
}

// ---- what was done ----

function say(message, isBad) {
  const note = document.createElement("div");
  const text = document.createElement("span");
  const close = document.createElement("button");
  text.textContent = message;
  close.textContent = "×";
  close.setAttribute("aria-label", words.close);
  close.addEventListener("click", () => note.remove());
  note.classList.toggle("bad", isBad);
  note.append(text, close);
  const said = document.getElementById("said");
  said.replaceChildren(note);
  if (!isBad) setTimeout(() => note.remove(), 7000);
}

function signIn() {
  location.assign("/dashboard/sign-in?next=" + encodeURIComponent(location.pathname + location.search));
}

const busy = new WeakSet();

async function follow(form, button) {
  if (busy.has(form)) return;
  busy.add(form);
  // Not `disabled`, which would take the focus away.
  button?.setAttribute("aria-busy", "true");
  const fields = new URLSearchParams(new FormData(form));
  try {
    const answer = await fetch(form.action, { method: "POST", body: fields, headers: { accept: "application/json" } });
    const told = await answer.json();
    if (answer.status === 401) return signIn();
    if (!answer.ok) return say(told.message ?? words.failed, true);
    if (told.go) return location.assign(told.go);
    form.closest("details.confirm")?.removeAttribute("open");
    const into = form.dataset.code && document.getElementById(form.dataset.code);
    if (into && told.code) {
      into.textContent = told.code;
      into.hidden = false;
    }
    say(told.message, false);
    if (!words.live) location.reload();
  } catch {
    say(words.failed, true);
  } finally {
    busy.delete(form);
    button?.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || "plain" in form.dataset) return;
  event.preventDefault();
  follow(form, event.submitter);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("form.filter select")) event.target.form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details.confirm[open]");
  if (!open) return;
  open.removeAttribute("open");
  open.querySelector("summary").focus();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-screenshot]");
  if (!button) return;
  button.disabled = true;
  try {
    const answer = await fetch(button.dataset.screenshot, { headers: { accept: "image/png, application/json" } });
    if (!answer.ok) {
      const told = await answer.json();
      if (answer.status === 401) return signIn();
      return say(told.message ?? words.failed, true);
    }
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      const picture = new Image();
      picture.alt = button.dataset.alt;
      picture.src = reader.result;
      document.getElementById(button.dataset.into).replaceChildren(picture);
    });
    reader.readAsDataURL(await answer.blob());
  } catch {
    say(words.failed, true);
  } finally {
    button.disabled = false;
  }
});

// ---- what changes ----

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// Where the focus goes when what it is on is drawn anew: to the same thing, or from a button that is gone to the one in its place.
function successor(focus, fresh) {
  if (focus.id) {
    const same = document.getElementById(focus.id);
    if (same) return same;
  }
  if (focus.tagName === "SUMMARY") return document.querySelector(`#${CSS.escape(focus.parentElement.id)} > summary`);
  if (focus.tagName === "A") return fresh.querySelector(`a[href="${CSS.escape(focus.getAttribute("href"))}"]`);
  return focus.tagName === "BUTTON" ? fresh.querySelector("button") : null;
}

// What a person opened or stands on stays as it is.
function replace(old, fresh) {
  const focus = old.contains(document.activeElement) ? document.activeElement : null;
  for (const open of old.querySelectorAll("details[open][id]")) {
    fresh.querySelector("#" + CSS.escape(open.id))?.setAttribute("open", "");
  }
  if (old.dataset.told !== fresh.dataset?.told) write(document.getElementById("told"), fresh.dataset.told ?? "");
  old.replaceWith(fresh);
  if (focus) successor(focus, fresh)?.focus({ preventScroll: true });
}

function change(step) {
  if (step.reload) return location.reload();
  if (step.gone) return document.getElementById(step.gone)?.remove();
  if (step.id) {
    const old = document.getElementById(step.id);
    const fresh = parsed(step.html).firstElementChild;
    if (old && fresh) replace(old, fresh);
    return;
  }
  const list = document.getElementById(step.list);
  if (!list) return;
  if ("all" in step) {
    const open = [...list.querySelectorAll("details[open][id]")].map((details) => details.id);
    const focused = list.contains(document.activeElement) ? document.activeElement.id : "";
    list.replaceChildren(parsed(step.all));
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    return;
  }
  const after = step.after ? document.getElementById(step.after) : null;
  if (after) after.after(parsed(step.html));
  else list.prepend(parsed(step.html));
}

function settle() {
  tellTimes();
  countDown();
  const awaits = document.getElementById("actions")?.dataset.awaits === "scan";
  const pairing = document.getElementById("pairing");
  if (pairing) pairing.hidden = !awaits;
}

const state = document.getElementById("link-state");
let stream = null;
let patience = 1000;

function show(isUp) {
  state?.classList.toggle("on", isUp);
  state?.classList.toggle("off", !isUp);
}

function listen() {
  stream = new EventSource(words.live);
  stream.addEventListener("open", () => {
    patience = 1000;
    show(true);
  });
  stream.addEventListener("message", (event) => {
    for (const step of JSON.parse(event.data)) change(step);
    settle();
  });
  stream.addEventListener("signed-out", () => {
    stream.close();
    signIn();
  });
  stream.addEventListener("error", () => {
    show(false);
    // The browser comes back by itself, unless it was answered something else than a stream.
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(listen, patience);
    patience = Math.min(patience * 2, 30000);
  });
}

if (words.live) {
  listen();
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (event) => event.persisted && listen());
}
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
settle();
setInterval(tellTimes, 5000, document);
setInterval(countDown, 250);
