// The picture of a structure: turns by mouse, touch and keys, says what an atom is, and shows the forces one asks for.
"use strict";
(function () {
  class Viewer {
    constructor(place) {
      this.place = place;
      this.canvas = place.querySelector("canvas");
      this.hover = place.querySelector(".hover");
      this.listen();
      new ResizeObserver(() => this.later()).observe(this.canvas);
      document.addEventListener("theme", () => this.later());
    }

    async load() {
      const answer = await fetch(this.place.dataset.structure, { headers: { Accept: "application/json" } });
      const text = answer.ok ? await answer.text() : this.text;
      if (text === this.text) return;
      this.text = text;
      const before = this.scene;
      this.scene = new window.Scene(JSON.parse(text));
      if (before) Object.assign(this.scene, { matrix: before.matrix, zoom: before.zoom });
      this.words();
      this.later();
    }

    words() {
      const { elements, forces } = this.scene.found, legend = this.place.querySelector(".legend");
      legend.replaceChildren(...elements.map((one) => {
        const item = document.createElement("span"), ball = document.createElement("i");
        ball.style.background = one.colour;
        item.append(ball, `${one.symbol} ${one.count}`);
        return item;
      }));
      for (const kind of ["dft", "model"]) this.place.querySelector(`label.${kind}`).hidden = !forces[kind];
      if (!forces.dft && forces.model) this.place.querySelector("[name=model]").checked = true;
      const said = this.scene.largest ? `The longest arrow is ${this.scene.largest.toPrecision(3)} eV/Å. ` : "";
      this.place.querySelector(".length").textContent = said;
    }

    later() { if (!this.waiting) { this.waiting = true; requestAnimationFrame(() => { this.waiting = false; this.draw(); }); } }

    draw() {
      const ratio = window.devicePixelRatio || 1, { width, height } = this.canvas.getBoundingClientRect();
      if (!this.scene || !width) return;
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      const style = getComputedStyle(this.place), colour = (name) => style.getPropertyValue(`--${name}`).trim();
      const names = { paper: "card", ink: "ink", line: "idle", dft: "dft", model: "model" };
      const colours = Object.fromEntries(Object.entries(names).map(([name, property]) => [name, colour(property)]));
      const shown = ["model", "dft"].filter((kind) => this.place.querySelector(`[name=${kind}]`).checked);
      const ctx = this.canvas.getContext("2d");
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.scene.paint(ctx, width, height, colours, shown, this.pointed);
      this.canvas.dataset.drawn = this.scene.matrix.map((row) => row.map((x) => x.toFixed(3))).join(";");
    }

    point(event) { // which atom is below the pointer, and what is known of it
      const box = this.canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      const hit = this.scene?.at(x, y);
      if (this.pointed !== hit) { this.pointed = hit; this.later(); }
      this.hover.hidden = hit === undefined;
      if (hit === undefined) return;
      const { positions, elements, kinds, fixed, forces } = this.scene.found, numbers = (v, n) => v.map((one) => one.toFixed(n).padStart(n + 4)).join(" ");
      const lines = [`atom ${hit}, ${elements[kinds[hit]].symbol}${fixed[hit] ? ", fixed" : ""}`, `at    ${numbers(positions[hit], 3)} Å`];
      for (const [kind, name] of [["dft", "DFT  "], ["model", "model"]]) if (forces[kind]) lines.push(`${name} ${numbers(forces[kind][hit], 3)} eV/Å, |F| ${Math.hypot(...forces[kind][hit]).toFixed(3)}`);
      this.hover.textContent = lines.join("\n");
      this.hover.style.left = `${Math.max(4, Math.min(x + 14, box.width - this.hover.offsetWidth - 4))}px`;
      this.hover.style.top = `${Math.max(4, y > box.height / 2 ? y - this.hover.offsetHeight - 12 : y + 16)}px`;
    }

    listen() {
      const canvas = this.canvas, down = new Map(), apart = () => { const [a, b] = [...down.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
      const scale = (by) => { this.scene?.scale(by); this.later(); };
      const rotate = (x, y) => { this.scene?.rotate(x, y); this.later(); };
      const turn = (view) => { if (this.scene) { this.scene.zoom = 1; this.scene.turn(view); this.later(); } };
      canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); down.set(event.pointerId, [event.clientX, event.clientY]); this.point(event); });
      canvas.addEventListener("pointermove", (event) => {
        const from = down.get(event.pointerId), before = down.size === 2 ? apart() : 0;
        if (!from) { this.point(event); return; }
        down.set(event.pointerId, [event.clientX, event.clientY]);
        if (down.size === 2) scale(apart() / (before || 1));
        else rotate((event.clientX - from[0]) * 0.011, (event.clientY - from[1]) * 0.011);
        this.hover.hidden = true;
      });
      for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => down.delete(event.pointerId));
      canvas.addEventListener("pointerleave", () => { this.hover.hidden = true; this.pointed = undefined; this.later(); });
      canvas.addEventListener("wheel", (event) => { if (document.activeElement === canvas) { event.preventDefault(); scale(Math.exp(-event.deltaY / 500)); } }, { passive: false });
      canvas.addEventListener("keydown", (event) => {
        const turns = { ArrowLeft: [-0.14, 0], ArrowRight: [0.14, 0], ArrowUp: [0, -0.14], ArrowDown: [0, 0.14] }[event.key];
        if (turns) rotate(...turns);
        else if (event.key === "+" || event.key === "=") scale(1.15);
        else if (event.key === "-") scale(1 / 1.15);
        else if (event.key === "0") turn("tilt");
        else return;
        event.preventDefault();
      });
      for (const button of this.place.querySelectorAll("[data-view]")) button.addEventListener("click", () => turn(button.dataset.view));
      for (const box of this.place.querySelectorAll("input")) box.addEventListener("change", () => this.later());
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const viewers = [...document.querySelectorAll("[data-structure]")].map((place) => new Viewer(place));
    const load = () => viewers.forEach((one) => one.load());
    load();
    document.addEventListener("refreshed", load);
  });
})();
