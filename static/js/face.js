/**
 * Brings a portrait to life: lips on the playout clock, blinking, breathing, and the look of someone who
 * listens, thinks or speaks.
 *
 * @typedef {"idle" | "listening" | "thinking" | "speaking"} Mood
 */
import { approach, outlines, SHAPES } from "./mouth.js";

/** Between two pictures while it speaks, a little under 1/30 s, and while it does not: the machine has models to run. */
const SPEAKING_MS = 31;
const RESTING_MS = 64;

/** How long a blink takes. */
const BLINK_MS = 170;

/** @type {Record<Mood, {brow: number, gazeX: number, gazeY: number, tilt: number}>} */
const MOODS = {
  idle: { brow: 0, gazeX: 0, gazeY: 0, tilt: 0 },
  listening: { brow: -3.5, gazeX: 0, gazeY: 0, tilt: 2.4 },
  thinking: { brow: -1.5, gazeX: 4.5, gazeY: -4, tilt: -2 },
  speaking: { brow: -1, gazeX: 0, gazeY: 0, tilt: 0 },
};

export class Face {
  /**
   * @param {SVGElement} svg
   * @param {() => string} visemeNow Asked before every picture.
   * @param {() => number} levelNow The voice's level, 0 to 1.
   */
  constructor(svg, visemeNow, levelNow) {
    this.svg = svg;
    this.visemeNow = visemeNow;
    this.levelNow = levelNow;
    /** @type {Mood} */
    this.mood = "idle";
    this.pose = { ...MOODS.idle, nod: 0 };
    this.shape = { .../** @type {import("./mouth.js").Shape} */ (SHAPES.rest) };
    this.viseme = "rest";
    this.blinkAt = performance.now() + 1500;
    this.last = performance.now();
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.parts = {
      body: part(svg, ".p-body"),
      head: part(svg, ".p-head"),
      lips: part(svg, ".p-lips"),
      hollow: part(svg, ".p-hollow"),
      clip: part(svg, ".p-hollow-clip"),
      teeth: part(svg, ".p-teeth"),
      tongue: part(svg, ".p-tongue"),
      eyes: [...svg.querySelectorAll(".p-eye")],
      irises: [...svg.querySelectorAll(".p-iris")],
      brows: [...svg.querySelectorAll(".p-brow")],
    };
    this.request = requestAnimationFrame((now) => this.frame(now));
  }

  /** @param {Mood} mood */
  setMood(mood) {
    this.mood = mood;
    this.svg.dataset.mood = mood;
  }

  stop() {
    cancelAnimationFrame(this.request);
  }

  /** @param {number} now */
  frame(now) {
    this.request = requestAnimationFrame((next) => this.frame(next));
    if (now - this.last < (this.mood === "speaking" ? SPEAKING_MS : RESTING_MS)) return;
    const elapsed = Math.min(100, now - this.last);
    this.last = now;
    this.moveMouth(elapsed);
    this.movePose(now, elapsed);
    this.moveEyes(now);
  }

  /** @param {number} elapsed */
  moveMouth(elapsed) {
    const viseme = this.visemeNow();
    if (viseme !== this.viseme) {
      this.viseme = viseme;
      this.svg.dataset.viseme = viseme;
    }
    const target = SHAPES[viseme] ?? /** @type {import("./mouth.js").Shape} */ (SHAPES.rest);
    this.shape = approach(this.shape, target, elapsed);
    const { outer, hollow, teeth, tongue } = outlines(this.shape);
    const { parts } = this;
    parts.lips.setAttribute("d", outer);
    parts.hollow.setAttribute("d", hollow);
    parts.clip.setAttribute("d", hollow);
    parts.teeth.setAttribute("y", teeth.y.toFixed(1));
    parts.teeth.setAttribute("height", teeth.height.toFixed(1));
    parts.tongue.setAttribute("cy", tongue.y.toFixed(1));
    parts.tongue.setAttribute("rx", tongue.width.toFixed(1));
    const open = this.shape.open > 0.03;
    parts.hollow.setAttribute("opacity", open ? "1" : "0.55");
    parts.teeth.setAttribute("opacity", open ? "1" : "0");
    parts.tongue.setAttribute("opacity", open ? "1" : "0");
  }

  /**
   * @param {number} now
   * @param {number} elapsed
   */
  movePose(now, elapsed) {
    const target = MOODS[this.mood];
    const share = 1 - Math.exp(-elapsed / 220);
    const { pose, parts } = this;
    for (const key of /** @type {(keyof typeof target)[]} */ (Object.keys(target))) pose[key] += (target[key] - pose[key]) * share;
    pose.nod += (Math.min(1, this.levelNow() * 4) - pose.nod) * (1 - Math.exp(-elapsed / 120));
    if (this.calm.matches) return;
    const breath = Math.sin(now / 1600);
    const sway = Math.sin(now / 2900) * 0.9 + Math.sin(now / 1270) * 0.5 * pose.nod;
    parts.body.setAttribute("transform", `translate(0 ${(breath * 1.6).toFixed(2)})`);
    const lift = breath * 2.1 + pose.nod * 2.6;
    parts.head.setAttribute("transform", `translate(${(sway * 1.2).toFixed(2)} ${lift.toFixed(2)}) rotate(${(pose.tilt + sway).toFixed(2)} 200 330)`);
    for (const brow of parts.brows) brow.setAttribute("transform", `translate(0 ${(pose.brow - pose.nod * 1.5).toFixed(2)})`);
  }

  /** @param {number} now */
  moveEyes(now) {
    const { parts, pose } = this;
    const since = now - this.blinkAt;
    if (since > BLINK_MS) this.blinkAt = now + 2200 + Math.random() * 3600;
    const lid = since > 0 && since < BLINK_MS ? Math.abs(since / BLINK_MS - 0.5) * 2 : 1;
    const height = this.calm.matches ? 1 : 0.08 + 0.92 * lid;
    for (const eye of parts.eyes) {
      const { cx, cy } = /** @type {SVGElement} */ (eye).dataset;
      eye.setAttribute("transform", `translate(${cx} ${cy}) scale(1 ${height.toFixed(3)}) translate(-${cx} -${cy})`);
    }
    const glance = this.calm.matches ? 0 : Math.sin(now / 3700) * 0.9;
    for (const iris of parts.irises) iris.setAttribute("transform", `translate(${(pose.gazeX + glance).toFixed(2)} ${pose.gazeY.toFixed(2)})`);
  }
}

/**
 * @param {SVGElement} svg
 * @param {string} selector
 */
function part(svg, selector) {
  const found = svg.querySelector(selector);
  if (!found) throw new Error(`portrait lacks ${selector}`);
  return found;
}
