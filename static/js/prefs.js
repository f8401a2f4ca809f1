/**
 * What this browser remembers: language, theme, and the scenes it has made with their secrets.
 *
 * @typedef {import("./types.js").Scene} Scene
 */

/** More would not be looked at; the server keeps them all. */
const SCENES_KEPT = 20;

/**
 * @param {string} key
 * @returns {any}
 */
export function load(key) {
  try {
    return JSON.parse(localStorage.getItem(`duologue.${key}`) ?? "null");
  } catch {
    return null; // Storage is blocked or was edited by hand: the page works without it.
  }
}

/**
 * @param {string} key
 * @param {unknown} value
 */
export function save(key, value) {
  try {
    localStorage.setItem(`duologue.${key}`, JSON.stringify(value));
  } catch {
    // Storage is blocked or full: only comfort is lost.
  }
}

/** @returns {Scene[]} Newest first. */
export function scenes() {
  const kept = load("scenes");
  return Array.isArray(kept) ? kept.filter((scene) => typeof scene?.id === "string") : [];
}

/** @param {Scene} scene */
export function rememberScene(scene) {
  const others = scenes().filter(({ id }) => id !== scene.id);
  save("scenes", [scene, ...others].slice(0, SCENES_KEPT));
}

/** @param {string} id */
export function forgetScene(id) {
  save("scenes", scenes().filter((scene) => scene.id !== id));
}
