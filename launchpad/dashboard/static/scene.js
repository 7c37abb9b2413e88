// What a structure looks like from somewhere: shaded atoms, bonds, the cell and arrows, painted from back to front.
"use strict";
window.Scene = (function () {
  const ATOM = 0.78, LONGEST = 2.4; // of the covalent radius; Å of the longest arrow
  const VIEWS = { side: [0, 0], tilt: [-0.42, 0.36], top: [0, Math.PI / 2] };
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const add = (a, b, f = 1) => [a[0] + f * b[0], a[1] + f * b[1], a[2] + f * b[2]];
  const norm = (a) => Math.hypot(...a);
  const times = (m, n) => m.map((row) => [0, 1, 2].map((j) => row[0] * n[0][j] + row[1] * n[1][j] + row[2] * n[2][j]));
  const about = (axis, by) => { // a rotation about the screen's x (0), y (1) or z (2)
    const c = Math.cos(by), s = Math.sin(by), [i, j] = [[1, 2], [2, 0], [0, 1]][axis];
    const m = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    m[i][i] = m[j][j] = c; m[i][j] = -s; m[j][i] = s;
    return m;
  };
  const mixed = (colour, other, share) => {
    const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const one = parts(colour), two = parts(other);
    return `rgb(${one.map((part, at) => Math.round(part + (two[at] - part) * share)).join(",")})`;
  };

  return class Scene {
    constructor(found) {
      this.found = found;
      this.sprites = new Map();
      this.radii = found.kinds.map((kind) => ATOM * found.elements[kind].radius);
      this.corners = this.cell();
      const all = [...found.positions, ...this.corners], along = (i) => all.map((p) => p[i]);
      const ends = [0, 1, 2].map((i) => [Math.min(...along(i)), Math.max(...along(i))]);
      this.centre = ends.map(([low, high]) => (low + high) / 2);
      this.size = Math.max(...all.map((p) => norm(add(p, this.centre, -1)))) + 1.1;
      this.arrows();
      this.zoom = 1;
      this.turn("tilt");
    }

    cell() { // corners; along a direction without periodicity as high as the atoms are
      const { cell, pbc, positions } = this.found;
      if (!cell) return [];
      const [a, b, c] = cell, cross = (u, v) => [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
      const volume = dot(a, cross(b, c)), dual = [cross(b, c), cross(c, a), cross(a, b)].map((v) => v.map((x) => x / volume));
      const range = [0, 1, 2].map((i) => {
        if (pbc[i]) return [0, 1];
        const parts = positions.map((p) => dot(p, dual[i])), edge = 1.2 / norm(cell[i]);
        return [Math.min(...parts) - edge, Math.max(...parts) + edge];
      });
      return [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [0, 1, 2].reduce((p, i) => add(p, cell[i], range[i][n >> i & 1]), [0, 0, 0]));
    }

    arrows() { // on the atoms that may move, or on all where none may
      const { forces, fixed } = this.found, some = fixed.some((one) => !one);
      this.moved = fixed.map((one) => !some || !one);
      const sizes = Object.values(forces).filter(Boolean).flatMap((set) => set.filter((_, i) => this.moved[i]).map(norm));
      this.largest = Math.max(0, ...sizes);
    }

    turn(view) {
      const [round, tilt] = VIEWS[view];
      this.matrix = times(about(0, tilt), times([[1, 0, 0], [0, 0, 1], [0, -1, 0]], about(2, round)));
    }

    rotate(x, y) { this.matrix = times(about(0, y), times(about(1, x), this.matrix)); }

    scale(by) { this.zoom = Math.max(0.4, Math.min(6, this.zoom * by)); }

    seen(point) { // where a point is on the canvas, how deep, and pixels per Å there
      const p = add(point, this.centre, -1), [x, y, z] = this.matrix.map((row) => dot(row, p));
      const far = 5 * this.size, pixels = this.unit * far / (far - z);
      return { x: this.width / 2 + x * pixels, y: this.height / 2 - y * pixels, z, pixels };
    }

    // `colours`: paper, ink, line, and one for each kind of force that is shown; `pointed`: an atom with a ring
    paint(ctx, width, height, colours, shown, pointed) {
      Object.assign(this, { ctx, width, height, pointed, ...colours });
      this.unit = this.zoom * 0.56 * Math.min(width, height) / this.size;
      const things = [];
      this.spots = this.found.positions.map((point, i) => ({ ...this.seen(point), radius: 0, i }));
      for (const spot of this.spots) {
        spot.radius = this.radii[spot.i] * spot.pixels;
        things.push([spot.z, () => this.atom(spot)]);
      }
      for (const [i, j] of this.found.bonds) this.bond(things, i, j);
      this.corners.forEach((corner, n) => { for (const bit of [1, 2, 4]) if (!(n & bit)) this.edge(things, corner, this.corners[n | bit]); });
      for (const kind of shown) this.found.forces[kind]?.forEach((force, i) => this.arrow(things, i, force, colours[kind]));
      things.sort((one, other) => one[0] - other[0]);
      for (const [, paint] of things) paint();
    }

    at(x, y) { // the atom that is in front there
      return (this.spots || []).filter((one) => Math.hypot(one.x - x, one.y - y) <= one.radius).sort((a, b) => b.z - a.z)[0]?.i;
    }

    fog(z) { return Math.max(0, Math.min(0.6, 0.3 * (0.4 - z / this.size))); }

    stroke(from, to, width, colour, cap = "round") {
      const ctx = this.ctx;
      ctx.strokeStyle = colour; ctx.lineWidth = width; ctx.lineCap = cap;
      ctx.beginPath(); ctx.moveTo(from.x, from.y); ctx.lineTo(to.x, to.y); ctx.stroke();
    }

    edge(things, from, to) {
      for (let n = 0; n < 10; n++) {
        const one = this.seen(add(from, add(to, from, -1), n / 10)), two = this.seen(add(from, add(to, from, -1), (n + 1) / 10));
        things.push([(one.z + two.z) / 2 - 0.05, () => this.stroke(one, two, 1, mixed(this.line, this.paper, 0.35 + this.fog(one.z)))]);
      }
    }

    bond(things, i, j) {
      const { positions, kinds, elements } = this.found, way = add(positions[j], positions[i], -1), middle = add(positions[i], way, 0.5);
      for (const [k, sign] of [[i, 1], [j, -1]]) {
        const start = add(positions[k], way, sign * 0.6 * this.radii[k] / norm(way)), one = this.seen(start), two = this.seen(middle);
        const rim = mixed(elements[kinds[k]].colour, "#000000", 0.45), body = mixed(elements[kinds[k]].colour, this.paper, this.fog(two.z));
        things.push([(one.z + two.z) / 2 - 0.1, () => { this.stroke(one, two, 0.3 * two.pixels, rim); this.stroke(one, two, 0.3 * two.pixels - 1.6, body); }]);
      }
    }

    arrow(things, i, force, colour) {
      const size = norm(force);
      if (!this.moved[i] || size < 0.012 * this.largest) return;
      const unit = force.map((x) => x / size), length = LONGEST * size / this.largest, base = add(this.found.positions[i], unit, 0.85 * this.radii[i]);
      const tip = add(base, unit, length), neck = add(tip, unit, -Math.min(0.5, 0.45 * length)), parts = 4;
      const rim = this.paper;
      for (let n = 0; n < parts; n++) {
        const one = this.seen(add(base, add(neck, base, -1), n / parts)), two = this.seen(add(base, add(neck, base, -1), (n + 1) / parts));
        things.push([(one.z + two.z) / 2 + 0.02, () => { this.stroke(one, two, 0.16 * two.pixels + 2, rim, "butt"); this.stroke(one, two, 0.16 * two.pixels, colour, n ? "round" : "butt"); }]);
      }
      const from = this.seen(neck), to = this.seen(tip), wide = Math.min(0.26, 0.3 * length + 0.08) * to.pixels;
      things.push([to.z + 0.03, () => {
        const ctx = this.ctx, d = Math.hypot(to.x - from.x, to.y - from.y);
        ctx.fillStyle = colour; ctx.strokeStyle = rim; ctx.lineWidth = 1;
        ctx.beginPath();
        if (d < wide) ctx.arc(to.x, to.y, wide, 0, 7); // seen from its end
        else {
          const nx = (to.y - from.y) / d * wide, ny = (from.x - to.x) / d * wide;
          ctx.moveTo(to.x, to.y); ctx.lineTo(from.x + nx, from.y + ny); ctx.lineTo(from.x - nx, from.y - ny); ctx.closePath();
        }
        ctx.fill(); ctx.stroke();
      }]);
    }

    sprite(colour) { // a lit ball, 160 pixels wide
      if (this.sprites.has(colour)) return this.sprites.get(colour);
      const canvas = document.createElement("canvas"), ctx = canvas.getContext("2d");
      canvas.width = canvas.height = 160;
      const light = ctx.createRadialGradient(58, 50, 4, 76, 74, 92);
      for (const [at, other, share] of [[0, "#ffffff", 0.85], [0.16, "#ffffff", 0.42], [0.5, "#ffffff", 0], [0.82, "#000000", 0.32], [1, "#000000", 0.55]]) light.addColorStop(at, mixed(colour, other, share));
      ctx.fillStyle = light;
      ctx.beginPath(); ctx.arc(80, 80, 78, 0, 7); ctx.fill();
      ctx.strokeStyle = mixed(colour, "#000000", 0.6); ctx.lineWidth = 2; ctx.stroke();
      this.sprites.set(colour, canvas);
      return canvas;
    }

    atom({ x, y, z, radius, i }) {
      const { kinds, elements, fixed } = this.found, ctx = this.ctx, fog = this.fog(z);
      ctx.drawImage(this.sprite(elements[kinds[i]].colour), x - radius, y - radius, 2 * radius, 2 * radius);
      if (fog > 0.01) { ctx.globalAlpha = fog; ctx.fillStyle = this.paper; ctx.beginPath(); ctx.arc(x, y, radius, 0, 7); ctx.fill(); ctx.globalAlpha = 1; }
      const arm = 0.45 * radius;
      if (fixed[i]) for (const sign of [1, -1]) this.stroke({ x: x - arm, y: y - sign * arm }, { x: x + arm, y: y + sign * arm }, 1.3, "rgba(0,0,0,.55)");
      if (this.pointed === i) { ctx.strokeStyle = this.ink; ctx.lineWidth = 2.5; ctx.beginPath(); ctx.arc(x, y, radius + 2, 0, 7); ctx.stroke(); }
    }
  };
})();
