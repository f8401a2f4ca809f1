/**
 * What a persona looks like, read from the `portrait` of its file. Every field may be missing: what is not
 * said follows from the persona's id, so that a persona without a portrait still has a face of its own.
 *
 * Fields: `skin, hair_style, hair_color, eye_color, lip_color, outfit_style, outfit_color, backdrop, glasses,
 * earrings, beard, freckles`. Colours are `#rrggbb`.
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
  const given = flatten(portrait ?? {});
  const seed = hash(id);
  return {
    skin: color(given, ["skin", "skin_color", "skin_tone"], pick(SKINS, seed)),
    hairStyle: word(given, ["hair_style", "hairstyle", "hair"], HAIR_STYLES, seed >> 3),
    hair: color(given, ["hair_color", "hair"], pick(HAIRS, seed >> 5)),
    eyes: color(given, ["eye_color", "eyes", "eyes_color"], pick(EYES, seed >> 7)),
    lips: color(given, ["lip_color", "lips", "lips_color"], "#b8524f"),
    outfitStyle: word(given, ["outfit_style", "outfit", "clothes", "clothes_style", "top"], OUTFIT_STYLES, seed >> 9),
    outfit: color(given, ["outfit_color", "clothes_color", "outfit", "clothes", "top_color", "top"], pick(OUTFITS, seed >> 11)),
    backdrop: color(given, ["backdrop", "background", "background_color", "accent"], pick(BACKDROPS, seed >> 11)),
    glasses: flag(given, "glasses"),
    earrings: flag(given, "earrings"),
    beard: flag(given, "beard"),
    freckles: flag(given, "freckles"),
  };
}

/**
 * `{hair: {style, color}}` reads like `{hair_style, hair_color}`.
 * @param {Record<string, unknown>} portrait
 */
function flatten(portrait) {
  /** @type {Record<string, unknown>} */
  const flat = {};
  for (const [key, value] of Object.entries(portrait)) {
    if (value && typeof value === "object" && !Array.isArray(value)) {
      for (const [inner, innerValue] of Object.entries(value)) flat[`${key}_${inner}`] = innerValue;
    } else flat[key] = value;
  }
  return flat;
}

/**
 * @param {Record<string, unknown>} given
 * @param {string[]} keys
 * @param {string} otherwise
 */
function color(given, keys, otherwise) {
  const found = keys.map((key) => given[key]).find((value) => typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value));
  return typeof found === "string" ? found : otherwise;
}

/**
 * @param {Record<string, unknown>} given
 * @param {string[]} keys
 * @param {string[]} known
 * @param {number} seed
 */
function word(given, keys, known, seed) {
  const found = keys.map((key) => given[key]).find((value) => typeof value === "string" && known.includes(value));
  return typeof found === "string" ? found : pick(known, seed);
}

/**
 * @param {Record<string, unknown>} given
 * @param {string} key
 */
function flag(given, key) {
  const value = given[key];
  return value === true || (typeof value === "string" && value !== "" && value !== "none");
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
