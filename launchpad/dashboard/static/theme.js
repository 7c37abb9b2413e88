// Light, dark, or as the system says; kept in this browser. Runs before the page is drawn, so nothing flashes.
"use strict";
(function () {
  const WORDS = { auto: "as the system", light: "light", dark: "dark" };
  const SIGNS = { auto: "◐", light: "☀", dark: "☾" };
  const root = document.documentElement;
  const kept = () => { try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; } };
  const apply = (theme) => {
    root.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) {
      button.textContent = SIGNS[theme];
      button.setAttribute("aria-label", "Colours: " + WORDS[theme]);
      button.title = "Colours: " + WORDS[theme];
    }
  };
  apply(kept());
  window.themeIsDark = () => root.dataset.theme === "dark"
    || (root.dataset.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  const announce = () => document.dispatchEvent(new Event("theme"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
  document.addEventListener("DOMContentLoaded", () => {
    apply(kept());
    document.getElementById("theme").addEventListener("click", () => {
      const next = { auto: "light", light: "dark", dark: "auto" }[root.dataset.theme];
      try { localStorage.setItem("theme", next); } catch { /* private windows keep nothing */ }
      apply(next);
      announce();
    });
  });
})();
