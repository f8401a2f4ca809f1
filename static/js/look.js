/**
 * What a persona looks like, read from the `portrait` of its file. Every field may be missing: what is not
 * said follows from the persona's id, so that a persona without a portrait still has a face of its own.
 *
 * Fields: `skin, hair_style, hair_color, eye_color, lip_color, outfit_style, outfit_color, backdrop` and `extras`, a
 * list of `glasses, earrings, beard, freckles`. Colours are `#rrggbb`.
 *
 * @typedef {object} Look
 * @property {string} skin
 * @property {string} hairStyle One of {@link HAIR_STYLES}.
 * @property {string} hair
 * @property {string} eyes
 * @property {string} lips
 * @property {string} outfitStyle One of {@link OUTFIT_STYLES}.
 * @property {string} outfit
 * @property {string} backdrop
 * @property {boolean} glasses
 * @property {boolean} earrings
 * @property {boolean} beard
 * @property {boolean} freckles
 */

export const HAIR_STYLES = ["long", "bob", "wavy", "bun", "short", "curly"];
export const OUTFIT_STYLES = ["knit", "shirt", "blazer", "hoodie"];

const SKINS = ["#f3cdb2", "#e6b592", "#c98f68", "#9a6546", "#f6d9c6"];
const HAIRS = ["#2b2024", "#4a2e25", "#7a4a2e", "#1f2430", "#8c8790"];
const EYES = ["#3d2a22", "#4b5d3f", "#3c5468", "#5a3a22"];
const OUTFITS = ["#e8795a", "#2f7a73", "#3f4f8c", "#c9973a", "#8a4a6b"];
const BACKDROPS = ["#f6b89a", "#9fd0c3", "#b7bfe8", "#f0d48a", "#e3b1c4"];

/**
 * @param {Record<string, unknown> | null | undefined} portrait
 * @param {string} id
 * @returns {Look}
 */
export function readLook(portrait, id) {
  const given = portrait ?? {};
  const extras = Array.isArray(given["extras"]) ? given["extras"] : [];
  const seed = hash(id);
  return {
    skin: color(given["skin"], pick(SKINS, seed)),
    hairStyle: word(given["hair_style"], HAIR_STYLES, seed >> 3),
    hair: color(given["hair_color"], pick(HAIRS, seed >> 5)),
    eyes: color(given["eye_color"], pick(EYES, seed >> 7)),
    lips: color(given["lip_color"], "#b8524f"),
    outfitStyle: word(given["outfit_style"], OUTFIT_STYLES, seed >> 9),
    outfit: color(given["outfit_color"], pick(OUTFITS, seed >> 11)),
    backdrop: color(given["backdrop"], pick(BACKDROPS, seed >> 11)),
    glasses: extras.includes("glasses"),
    earrings: extras.includes("earrings"),
    beard: extras.includes("beard"),
    freckles: extras.includes("freckles"),
  };
}

/**
 * @param {unknown} value
 * @param {string} otherwise
 */
function color(value, otherwise) {
  return typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value) ? value : otherwise;
}

/**
 * @param {unknown} value
 * @param {string[]} known
 * @param {number} seed
 */
function word(value, known, seed) {
  return typeof value === "string" && known.includes(value) ? value : pick(known, seed);
}

/**
 * @param {string[]} list
 * @param {number} seed
 */
function pick(list, seed) {
  return /** @type {string} */ (list[Math.abs(seed) % list.length]);
}

/** @param {string} text */
function hash(text) {
  let value = 2_166_136_261;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 16_777_619);
  return value >>> 1;
}

/**
 * Mixes two colours; used for shades of one.
 * @param {string} from
 * @param {string} to
 * @param {number} share Of `to`, from 0 to 1.
 */
export function mix(from, to, share) {
  const channel = (/** @type {number} */ at) => {
    const [a, b] = [from, to].map((hex) => Number.parseInt(hex.slice(at, at + 2), 16));
    return Math.round((a ?? 0) + ((b ?? 0) - (a ?? 0)) * share).toString(16).padStart(2, "0");
  };
  return `#${channel(1)}${channel(3)}${channel(5)}`;
}
