// Keeps an open page true: asks whether its topic has changed, fetches the page again, and replaces what differs.
"use strict";
(function () {
  const EVERY = 2000;
  let busy = false, since = null;

  const trouble = (text) => {
    const place = document.getElementById("trouble");
    since = text ? since || new Date() : null;
    place.hidden = !text;
    const said = text ? `${text} (since ${since.toLocaleTimeString()}). What you see is from before; trying again.` : "";
    if (place.textContent !== said) place.textContent = said;
    document.getElementById("live").dataset.state = text ? "lost" : "live";
  };

  const localTimes = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const when = new Date(time.dateTime);
      if (isNaN(when)) continue;
      time.dataset.local = "";
      time.title = time.textContent;
      time.textContent = time.closest("footer") ? when.toLocaleTimeString()
        : when.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    }
  };

  // Elements with an id under [data-live] are replaced when their source differs; what the reader has opened, chosen
  // or typed stays, and so does the focus.
  const source = new WeakMap();
  const sourceOf = (element) => source.get(element) || element.outerHTML;
  const remember = () => document.querySelectorAll("[data-live]").forEach((one) => source.set(one, one.outerHTML));

  const inUse = (form) => form.contains(document.activeElement) || [...form.elements].some((one) => one.matches("select")
    ? ![...one.options].some((option) => option.defaultSelected) ? one.selectedIndex > 0 : ![...one.selectedOptions].every((option) => option.defaultSelected)
    : "defaultValue" in one && one.value !== one.defaultValue);

  const replace = (fresh) => {
    let changed = false;
    for (const next of fresh.querySelectorAll("[data-live]")) {
      const now = document.getElementById(next.id);
      const text = next.outerHTML;
      if (!now) { location.reload(); return; }
      if (sourceOf(now) === text || (now.matches("form") && inUse(now))) continue;
      const open = new Set([...now.querySelectorAll("details[open][id]")].map((one) => one.id));
      const shut = new Set([...now.querySelectorAll("details:not([open])[id]")].map((one) => one.id));
      const focus = now.contains(document.activeElement) ? document.activeElement.id || document.activeElement.getAttribute("href") : null;
      const drawn = new Map([...now.querySelectorAll("figure[id] > [data-keep]")].map((one) => [one.parentElement.id, one]));
      const imported = document.importNode(next, true);
      now.replaceWith(imported);
      source.set(imported, text);
      for (const [id, element] of drawn) {
        const place = document.getElementById(id)?.querySelector("[data-keep]");
        if (place) place.replaceWith(element);
      }
      for (const one of imported.querySelectorAll("details[id]")) {
        if (open.has(one.id)) one.open = true;
        if (shut.has(one.id)) one.open = false;
      }
      if (focus) (document.getElementById(focus) || imported.querySelector(`[href="${CSS.escape(focus)}"]`))?.focus({ preventScroll: true });
      localTimes(imported);
      changed = true;
    }
    return changed;
  };

  const refresh = async (version) => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected && new URL(answer.url).pathname === "/login") { location.reload(); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok) {
      trouble(fresh.querySelector("main p")?.textContent || "The dashboard answered with an error");
      return;
    }
    replace(fresh);
    document.body.dataset.version = fresh.body.dataset.version || version;
    const shown = fresh.getElementById("live");
    document.getElementById("live").innerHTML = shown ? shown.innerHTML : "";
    localTimes(document.getElementById("live"));
    document.dispatchEvent(new Event("refreshed"));
  };

  const look = async () => {
    const topic = document.body.dataset.topic;
    if (busy || document.hidden) return;
    busy = true;
    try {
      if (document.querySelector("[data-retry]")) {
        const again = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (again.ok) location.reload();
        return;
      }
      if (!topic) return;
      const answer = await fetch("/changes?topic=" + encodeURIComponent(topic), { headers: { Accept: "application/json" } });
      if (answer.status === 401) { location.reload(); return; }
      const found = await answer.json().catch(() => ({}));
      if (!answer.ok) { trouble(found.error || "The dashboard answered with an error"); return; }
      trouble("");
      if (found.version !== document.body.dataset.version) await refresh(found.version);
    } catch {
      trouble("The dashboard itself does not answer");
    } finally {
      busy = false;
    }
  };

  // what is left empty in a form is left out of its address
  document.addEventListener("formdata", (event) => {
    if (event.target.method !== "get") return;
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });

  document.addEventListener("DOMContentLoaded", () => {
    remember();
    localTimes(document);
    setInterval(look, EVERY);
    document.addEventListener("visibilitychange", look);
  });
})();
