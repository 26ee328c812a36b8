// Keeps the parts of a page that have data-live as the server has them, without a reload. The server's events say when to look, and
// without events the page looks every few seconds. What is focused, open or typed stays.
"use strict";

(() => {
  const body = document.body;
  if (!body.hasAttribute("data-refresh")) return;
  const every = 5000, quietFor = 15000, hiddenFor = 60000;
  const notice = document.getElementById("lost");
  let busy = false, again = false, timer = 0, seen = Date.now();

  function place(element) { // of the focus, to find it again
    if (!element || element === body) return null;
    if (element.id) return () => document.getElementById(element.id);
    const href = element.getAttribute("href"), tag = element.tagName, text = element.textContent;
    return () => [...document.querySelectorAll(tag)].find((e) => e.getAttribute("href") === href && e.textContent === text);
  }

  function typed(control) { // something that is not as the page came
    if (control.type === "checkbox" || control.type === "radio") return control.checked !== control.defaultChecked;
    if (control.tagName === "SELECT") return [...control.options].some((o) => o.selected !== o.defaultSelected);
    return control.value !== control.defaultValue;
  }

  function inUse(part) {
    const active = document.activeElement;
    return part.matches("[data-keep]") || part.querySelector("[data-keep]") !== null || part.contains(active) && active.matches("input, select, textarea") ||
      [...part.querySelectorAll("input, select, textarea")].some(typed);
  }

  function replace(old, now) {
    if (old.innerHTML === now.innerHTML && old.className === now.className || inUse(old)) return;
    const open = [...old.querySelectorAll("details[open]")].map((d) => d.id);
    const focus = old.contains(document.activeElement) ? place(document.activeElement) : null;
    const x = scrollX, y = scrollY;
    old.replaceWith(document.adoptNode(now));
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    focus?.()?.focus({preventScroll: true});
    scrollTo(x, y);
  }

  // What the decision is now is told to those who do not see it, once for each change.
  const chip = () => document.getElementById("chip").textContent.trim();

  function show(next) {
    const was = chip();
    const olds = [...document.querySelectorAll("[data-live]")];
    const news = new Map([...next.querySelectorAll("[data-live]")].map((e) => [e.id, e]));
    const live = document.getElementById("live");
    if (olds.map((e) => e.id).join() !== [...news.keys()].join() && !inUse(live)) {
      replace(live, next.getElementById("live"));
      replace(document.getElementById("chip"), news.get("chip"));
    } else {
      olds.filter((old) => news.has(old.id)).forEach((old) => replace(old, news.get(old.id)));
    }
    document.title = next.title;
    if (chip() !== was) document.getElementById("announced").textContent = "The decision is now " + chip() + ".";
  }

  async function look() {
    if (busy) { again = true; return; }
    busy = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(location.href, {cache: "no-store", signal: AbortSignal.timeout(20000)});
      if (!answer.headers.get("Content-Type").startsWith("text/html")) throw new Error("no page");
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!next.getElementById("live")) throw new Error("no page");
      show(next);
      seen = Date.now();
      lost(false);
    } catch {
      lost(true);
    }
    busy = false;
    timer = setTimeout(look, again ? 1000 : document.hidden ? hiddenFor : connected ? quietFor : every);
    again = false;
    watch(); // again, if the server has ended it
  }

  function lost(is) {
    if (is === !notice.hidden) return;
    notice.hidden = !is;
    body.classList.toggle("stale", is);
    if (is) notice.textContent = "No connection to crosscheck. This page shows what was known at " + new Date(seen).toISOString().slice(11, 19) + " UTC.";
  }

  // A browser has few connections to a server, so a page that nobody sees gives up its own.
  let connected = false, events = null;
  function watch() {
    const address = body.dataset.events;
    if (!address || document.hidden || events && events.readyState !== EventSource.CLOSED) return;
    let first = true;
    events = new EventSource(address);
    events.addEventListener("open", () => { connected = true; });
    events.addEventListener("error", () => { connected = false; });
    for (const name of ["status", "unknown"]) {
      events.addEventListener(name, () => { if (first) first = false; else look(); });
    }
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      events?.close();
      connected = false;
    } else {
      watch();
      look();
    }
  });
  watch();
  timer = setTimeout(look, every);
})();
