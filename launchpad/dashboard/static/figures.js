// Draws a page's figures by plotly.js when they come into view, and again when the page or the theme has changed.
"use strict";
(function () {
  let library = null;
  const plotly = () => library ||= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "/static/library/plotly-cartesian-4.1.1.min.js";
    script.onload = () => done(window.Plotly);
    script.onerror = () => failed(new Error("plotly.js did not load"));
    document.head.append(script);
  });
  const CONFIG = { responsive: true, displaylogo: false, displayModeBar: "hover", topojsonURL: "",
    modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d"] };

  const say = (place, text) => { place.innerHTML = ""; const p = document.createElement("p"); p.className = "loading"; p.textContent = text; place.append(p); };

  const draw = async (figure) => {
    const place = figure.querySelector(".drawn");
    const theme = window.themeIsDark() ? "dark" : "light";
    const address = `${figure.dataset.figure}.json?theme=${theme}`;
    figure.dataset.busy = "";
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      const found = await answer.json();
      if (!answer.ok) throw new Error(found.error || `error ${answer.status}`);
      if (found.missing) { say(place, found.missing); place.dataset.empty = ""; place.style.height = ""; return; }
      const Plotly = await plotly();
      if (!place.classList.contains("js-plotly-plot")) place.innerHTML = "";
      delete place.dataset.empty;
      if (found.layout.height) place.style.height = `${found.layout.height}px`;
      await Plotly.react(place, found.data, { autosize: true, ...found.layout }, CONFIG);
      place.dataset.drawn = theme;
    } catch (error) {
      if (!place.classList.contains("js-plotly-plot")) say(place, `not drawn: ${error.message}`);
    } finally {
      delete figure.dataset.busy;
    }
  };

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "300px" });
  const watch = () => document.querySelectorAll("figure[data-figure]").forEach((one) => {
    if (one.querySelector("[data-drawn], [data-empty]")) draw(one); else seen.observe(one);
  });
  document.addEventListener("DOMContentLoaded", watch);
  document.addEventListener("refreshed", watch);
  document.addEventListener("theme", () => document.querySelectorAll("figure[data-figure]").forEach((one) => {
    if (one.querySelector("[data-drawn]")) draw(one);
  }));
})();
