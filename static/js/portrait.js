/**
 * Draws a persona as an SVG bust. `face.js` brings it to life.
 *
 * @typedef {import("./look.js").Look} Look
 */
import { draw } from "./dom.js";
import { mix, readLook } from "./look.js";
import { outlines, SHAPES } from "./mouth.js";

/** Distinguishes the clip paths of several portraits on one page. */
let drawn = 0;

/**
 * The hair behind the head and the hair before it, in a canvas of 400 by 500 with the face around (200, 225).
 * @type {Record<string, {back: string, front: string}>}
 */
const HAIR = {
  long: {
    back: "M200 84C116 82 88 146 92 230 95 306 84 366 70 432c40 24 220 24 260 0-14-66-25-126-22-202 4-84-24-148-108-146Z",
    front: "M116 240C100 150 140 96 206 94c68-1 96 56 80 146-6-26-12-46-26-66-22 2-48-6-62-24-14 30-46 44-66 48-8 12-12 26-16 42Z",
  },
  bob: {
    back: "M200 86C118 84 90 144 92 228c1 54 2 92 18 122 18 8 40 4 50-8h80c10 12 32 16 50 8 16-30 17-68 18-122 2-84-26-144-108-142Z",
    front: "M114 250C98 152 136 94 200 94s102 58 86 156c-4-28-8-48-14-66-22 4-46 2-60-10-22 10-58 14-82 10-8 18-12 38-16 66Z",
  },
  wavy: {
    back: "M200 82C122 80 88 130 92 206c2 34-20 48-14 84 5 28-18 48-8 82 8 30 44 40 66 28h128c22 12 58 2 66-28 10-34-13-54-8-82 6-36-16-50-14-84 4-76-30-126-108-124Z",
    front: "M116 236C98 150 142 92 208 94c66 2 96 58 78 142-4-30-22-34-30-62-20 0-34-8-46-26-10 26-30 34-48 38-24 6-34 22-46 50Z",
  },
  bun: {
    back: "M200 94C136 92 110 138 116 216l8 18h152l8-18c6-78-20-124-84-122ZM200 34a40 40 0 1 1 0 80 40 40 0 0 1 0-80Z",
    front: "M116 240C104 156 142 100 200 100s96 56 84 140c-4-42-24-78-62-88-10 12-24 16-40 14-34 6-60 34-66 74Z",
  },
  short: {
    back: "M200 92C136 90 108 132 114 214l8 34h156l8-34c6-82-22-124-86-122Z",
    front: "M116 236C104 170 116 104 188 86c50-12 108 12 104 78-2 24-4 48-8 72-4-22-8-40-18-56-24-2-44-8-62-22-22 14-50 14-68 26-12 12-16 32-20 52Z",
  },
  curly: {
    back:
      "M200 66c30-14 62 2 70 28 28 2 46 28 38 54 22 16 22 48 4 64 12 24 0 52-24 58-6 24-32 34-52 24h-72c-20 10-46 0-52-24-24-6-36-34-24-58-18-16-18-48 4-64-8-26 10-52 38-54 8-26 40-42 70-28Z",
    front:
      "M120 196C114 122 152 88 200 88s86 34 80 108l-24-28h-112Z" +
      "M118 226c-12-14-10-34 4-44-4-22 12-40 32-40 6-20 30-28 46-16 16-12 40-4 46 16 20 0 36 18 32 40 14 10 16 30 4 44-4-14-10-26-20-34-14 4-26 0-32-10-12 8-26 8-36-2-10 10-26 12-38 4-6 10-16 14-26 12-6 8-10 18-12 30Z",
  },
};

/** @type {Record<string, (look: Look) => Node[]>} */
const OUTFITS = {
  knit: (look) => [
    draw("path", { d: "M152 392c14 22 82 22 96 0l8 10c-16 32-96 32-112 0Z", fill: mix(look.outfit, "#ffffff", 0.16) }),
  ],
  shirt: (look) => [
    draw("path", { d: "M168 382 200 424l-26 22-26-52ZM232 382l-32 42 26 22 26-52Z", fill: mix(look.outfit, "#ffffff", 0.35) }),
    draw("path", { d: "M200 424v80", stroke: mix(look.outfit, "#000000", 0.18), "stroke-width": 2.5 }),
  ],
  blazer: (look) => [
    draw("path", { d: "M164 386h72l-36 118Z", fill: "#f7f1ec" }),
    draw("path", { d: "m164 384-18 12 14 56-10 6 50 60V504ZM236 384l18 12-14 56 10 6-50 60V504Z", fill: mix(look.outfit, "#000000", 0.16) }),
  ],
  hoodie: (look) => [
    draw("path", { d: "M148 390c-8 44 26 62 52 66 26-4 60-22 52-66l14 8c8 56-34 84-66 88-32-4-74-32-66-88Z", fill: mix(look.outfit, "#000000", 0.14) }),
    draw("path", { d: "M184 462v34M216 462v34", stroke: mix(look.outfit, "#ffffff", 0.6), "stroke-width": 4, "stroke-linecap": "round" }),
  ],
};

/**
 * @param {{id: string, name: string, portrait?: Record<string, unknown> | null}} persona
 * @param {string} label Its accessible name.
 */
export function drawPortrait(persona, label) {
  const look = readLook(persona.portrait, persona.id);
  const key = `portrait-${(drawn += 1)}`;
  const hair = HAIR[look.hairStyle] ?? /** @type {{back: string, front: string}} */ (HAIR.long);
  const shine = mix(look.hair, "#ffffff", 0.16);
  return draw(
    "svg",
    { class: "portrait", viewBox: "0 0 400 500", role: "img", "aria-label": label, "data-viseme": "rest", "data-mood": "idle" },
    draw("g", { class: "p-body" }, draw("path", { class: "p-hair-back", d: hair.back, fill: mix(look.hair, "#000000", 0.22) }), ...torso(look)),
    draw(
      "g",
      { class: "p-head" },
      ...skull(look),
      ...eyes(look),
      nose(look),
      mouth(look, key),
      ...(look.beard ? [beard(look)] : []),
      draw("path", { d: hair.front, fill: look.hair }),
      draw("path", { d: "M150 132c18-20 44-28 72-24", fill: "none", stroke: shine, "stroke-width": 7, "stroke-linecap": "round", opacity: 0.55 }),
      ...(look.glasses ? glasses() : []),
    ),
  );
}

/** @param {Look} look */
function torso(look) {
  const shade = mix(look.skin, "#7a2f28", 0.2);
  const decorate = OUTFITS[look.outfitStyle] ?? (() => []);
  return [
    draw("path", { d: "M40 504c4-74 52-98 124-116h72c72 18 120 42 124 116Z", fill: look.outfit }),
    draw("path", { d: "M166 300h68v86c-8 26-60 26-68 0Z", fill: look.skin }),
    draw("path", { d: "M166 322c18 26 50 26 68 0v22c-18 20-50 20-68 0Z", fill: shade, opacity: 0.7 }),
    ...decorate(look),
  ];
}

/** @param {Look} look */
function skull(look) {
  const shade = mix(look.skin, "#7a2f28", 0.16);
  const blush = mix(look.skin, "#e0524a", 0.45);
  const parts = [
    draw("path", { d: "M124 214c-16-6-22 10-18 26 3 14 12 24 22 20ZM276 214c16-6 22 10 18 26-3 14-12 24-22 20Z", fill: shade }),
    draw("path", { d: "M120 214c0-68 34-102 80-102s80 34 80 102c0 54-13 90-40 112-14 12-26 16-40 16s-26-4-40-16c-27-22-40-58-40-112Z", fill: look.skin }),
    draw("ellipse", { cx: 152, cy: 264, rx: 17, ry: 10, fill: blush, opacity: 0.38 }),
    draw("ellipse", { cx: 248, cy: 264, rx: 17, ry: 10, fill: blush, opacity: 0.38 }),
  ];
  if (look.earrings) parts.push(...[111, 289].map((cx) => draw("circle", { cx, cy: 266, r: 5, fill: "#e9bd5b" })));
  if (look.freckles) {
    const spots = [[146, 256], [156, 262], [164, 255], [236, 255], [244, 262], [254, 256]];
    parts.push(...spots.map(([cx, cy]) => draw("circle", { cx, cy, r: 1.8, fill: mix(look.skin, "#6b3a1e", 0.5) })));
  }
  return parts;
}

/** @param {Look} look */
function eyes(look) {
  const dark = mix(look.hair, "#1a1216", 0.6);
  const plain = isPlain(look);
  return [164, 236].flatMap((cx, side) => {
    const out = side === 0 ? -1 : 1;
    return [
      draw("g", { class: "p-brow", "data-side": side },
        draw("path", { d: `M${cx - 20} ${side ? 197 : 201}q20-13 40 ${side ? 4 : -4}`, fill: "none", stroke: dark, "stroke-width": plain ? 7 : 5.5, "stroke-linecap": "round", opacity: 0.85 })),
      draw("g", { class: "p-eye", "data-cx": cx, "data-cy": 228 },
        draw("path", { d: `M${cx - 18} 230c6-14 30-14 36 0-6 11-30 11-36 0Z`, fill: "#fffaf6" }),
        draw("g", { class: "p-iris" },
          draw("circle", { cx, cy: 228.5, r: 10, fill: look.eyes }),
          draw("circle", { cx, cy: 228.5, r: 5, fill: "#140e12" }),
          draw("circle", { cx: cx + 3.6, cy: 224.5, r: 2.7, fill: "#ffffff" })),
        draw("path", { d: `M${cx - 19} 231c6-16 32-16 38 0`, fill: "none", stroke: dark, "stroke-width": 4, "stroke-linecap": "round" }),
        plain ? null : draw("path", { d: `M${cx + out * 18} 229l${out * 7}-5`, stroke: dark, "stroke-width": 3, "stroke-linecap": "round" })),
    ];
  });
}

/** @param {Look} look */
function nose(look) {
  return draw("path", { d: "M203 236c4 14 8 20 6 26-3 4-10 5-15 2", fill: "none", stroke: mix(look.skin, "#7a2f28", 0.38), "stroke-width": 3, "stroke-linecap": "round" });
}

/**
 * @param {Look} look
 * @param {string} key
 */
function mouth(look, key) {
  const lines = outlines(/** @type {import("./mouth.js").Shape} */ (SHAPES.rest));
  return draw(
    "g",
    { class: "p-mouth", transform: "translate(200 291)" },
    draw("clipPath", { id: key }, draw("path", { class: "p-hollow-clip", d: lines.hollow })),
    draw("path", { class: "p-lips", d: lines.outer, fill: mix(look.lips, look.skin, isPlain(look) ? 0.58 : 0.22) }),
    draw("path", { class: "p-hollow", d: lines.hollow, fill: "#4a151c" }),
    draw("g", { "clip-path": `url(#${key})` },
      draw("ellipse", { class: "p-tongue", cx: 0, cy: 20, rx: 14, ry: 9, fill: "#d4626a" }),
      draw("rect", { class: "p-teeth", x: -22, y: -4, width: 44, height: 0, rx: 3, fill: "#fffaf4" })),
  );
}

/**
 * Short hair or a beard: drawn without long lashes and with paler lips.
 * @param {Look} look
 */
function isPlain(look) {
  return look.beard || look.hairStyle === "short";
}

/** @param {Look} look */
function beard(look) {
  const d = "M124 240c2 46 16 74 40 92 12 10 24 15 36 15s24-5 36-15c24-18 38-46 40-92-8 30-26 36-46 34-20-8-40-8-60 0-20 2-38-4-46-34Zm54 42c10-8 34-8 44 0 2 20-10 27-22 27s-24-7-22-27Z";
  return draw("path", { d, fill: look.hair, "fill-rule": "evenodd", opacity: 0.92 });
}

function glasses() {
  const stroke = { fill: "none", stroke: "#33262c", "stroke-width": 4 };
  return [
    draw("rect", { x: 136, y: 206, width: 56, height: 46, rx: 21, ...stroke }),
    draw("rect", { x: 208, y: 206, width: 56, height: 46, rx: 21, ...stroke }),
    draw("path", { d: "M192 226q8-7 16 0M136 222l-18-6M264 222l18-6", ...stroke }),
  ];
}
