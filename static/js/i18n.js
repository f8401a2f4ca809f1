/**
 * The page's language. Elements name their words: `data-t` for the text, `data-t-label` for the accessible
 * name, `data-t-hint` for a placeholder.
 *
 * @typedef {import("./types.js").Language} Language
 * @typedef {keyof typeof en} WordKey
 */
import { load, save } from "./prefs.js";
import { en } from "./words/en.js";
import { ko } from "./words/ko.js";

const WORDS = { en, ko };

/** @type {Language} */
let current = "en";

/** @type {(() => void)[]} */
const listeners = [];

/** The language that was chosen here before, else the browser's. */
export function initLanguage() {
  const chosen = load("language");
  const wanted = chosen === "ko" || chosen === "en" ? chosen : navigator.language.startsWith("ko") ? "ko" : "en";
  apply(wanted);
}

/** @param {Language} language */
export function setLanguage(language) {
  save("language", language);
  apply(language);
}

/** @returns {Language} */
export function language() {
  return current;
}

/**
 * Calls back now and whenever the language changes.
 * @param {() => void} listener
 */
export function onLanguage(listener) {
  listeners.push(listener);
  listener();
}

/**
 * The words for `key`, with `{name}`s filled in.
 * @param {WordKey} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  return WORDS[current][key].replaceAll(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * Whether the page has words for `key`.
 * @param {string} key
 * @returns {key is WordKey}
 */
export function hasWords(key) {
  return Object.hasOwn(en, key);
}

/**
 * Reasons that come without a code, by how the server words them.
 * @type {[RegExp, WordKey][]}
 */
const KNOWN_REASONS = [
  [/switched off|^off$/, "reason_off"],
  [/is missing|no file|not installed|is no usable/, "reason_missing"],
  [/no progress/, "reason_stuck"],
  [/loading/, "reason_loading"],
  [/restarted/, "reason_restarting"],
  [/voice|answers in its place/, "reason_other_voice"],
];

/**
 * Why something does not work: in English the server's own words, which know more; in other languages the words for
 * its code, with the command to run where it names one; else the server's after all.
 * @param {string} code
 * @param {string} message
 */
export function reason(code, message) {
  const coded = `reason_${code}`;
  const key = hasWords(coded) ? coded : KNOWN_REASONS.find(([words]) => words.test(message))?.[1];
  if (key === undefined || (current === "en" && message !== "")) return message;
  const command = /`[^`]+`/.exec(message)?.[0];
  return command ? `${t(key)} (${command})` : t(key);
}

/**
 * A duration as people of this language write it.
 * @param {number} ms
 */
export function seconds(ms) {
  const digits = ms >= 10_000 ? 1 : 2;
  const number = new Intl.NumberFormat(current, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(ms / 1000);
  return current === "ko" ? `${number}초` : `${number} s`;
}

/** @param {number} time Milliseconds since the epoch. */
export function when(time) {
  return new Intl.DateTimeFormat(current, { month: "long", day: "numeric", hour: "numeric", minute: "2-digit" }).format(time);
}

/** @param {Language} language */
function apply(language) {
  current = language;
  document.documentElement.lang = language;
  document.title = t("title");
  for (const [attribute, put] of PLACES) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      const key = element.getAttribute(attribute) ?? "";
      if (hasWords(key)) put(element, t(key));
    }
  }
  for (const listener of listeners) listener();
}

/** @type {[string, (element: Element, words: string) => void][]} */
const PLACES = [
  ["data-t", (element, words) => (element.textContent = words)],
  ["data-t-label", (element, words) => element.setAttribute("aria-label", words)],
  ["data-t-hint", (element, words) => element.setAttribute("placeholder", words)],
];
