/**
 * Banners in words: what is wrong, and what to do about it.
 *
 * @typedef {import("./i18n.js").WordKey} WordKey
 */
import { ApiError } from "./api.js";
import { byId, make } from "./dom.js";
import { hasWords, onLanguage, reason, t } from "./i18n.js";

/** Good news leaves by itself; trouble stays until it is over or dismissed. */
const INFO_MS = 6_000;

/** A part that is being repaired says when it works again; if it never does, its failure is said instead. */
const RECOVERING_MS = 20_000;

/** What the session calls its children, by what a person misses without them. @type {Record<string, string>} */
const PARTS = { ingest: "stt", transcriber: "stt", persona: "llm", speaker: "tts", scribe: "store" };

/** What happened once and says nothing about whether the part works. */
const ONCE = new Set(["unknown_voice", "audio_dropped", "utterance_too_long", "history_lost"]);

/**
 * @typedef {object} Notice
 * @property {"info" | "warning" | "error"} level
 * @property {() => string} words In the language of the moment.
 * @property {string} [detail] What the server said.
 * @property {() => string} [why] The same in the language of the moment.
 * @property {boolean} [stays] Whether good news stays until it is dismissed.
 * @property {{key: WordKey, run: () => void}[]} [actions]
 */

/** @type {Map<string, Notice>} One banner for each cause. */
const shown = new Map();

/** Draws the banners anew whenever the language changes. */
export function initNotices() {
  onLanguage(redraw);
}

/**
 * @param {string} cause
 * @param {Notice} notice
 */
export function notify(cause, notice) {
  shown.set(cause, notice);
  redraw();
  if (notice.level === "info" && !notice.stays) setTimeout(() => shown.get(cause) === notice && dismiss(cause), INFO_MS);
}

/** @param {string} cause */
export function dismiss(cause) {
  if (shown.delete(cause)) redraw();
}

/**
 * Removes every banner whose cause begins with `prefix`.
 * @param {string} prefix
 */
export function dismissAll(prefix) {
  for (const cause of [...shown.keys()]) if (cause.startsWith(prefix)) shown.delete(cause);
  redraw();
}

/**
 * Says in words why a request failed.
 * @param {string} cause
 * @param {unknown} error
 * @param {() => void} [again]
 */
export function notifyFailure(cause, error, again) {
  const failure = error instanceof ApiError ? error : new ApiError("failed", String(error), 0);
  notify(cause, {
    level: "error",
    words: () => t(keyOf(failure)),
    detail: failure.message,
    ...(again ? { actions: [{ key: /** @type {WordKey} */ ("retry"), run: again }] } : {}),
  });
}

/** No scene in a page waits for these: the page finds faces itself, and the duet says what it has for sound. */
const ELSEWHERE = new Set(["landmarker", "soundfont"]);

/**
 * What is degraded, in words.
 * @param {{part: string, reason: string}[]} parts
 */
export function notifyDegraded(parts) {
  dismissAll("part:");
  // Who cannot hear at all need not be told that pauses are judged simply.
  const deaf = parts.some(({ part }) => part === "stt");
  for (const { part, reason } of parts) if (!ELSEWHERE.has(part) && (!deaf || (part !== "vad" && part !== "turn"))) notifyPart(part, reason);
}

/**
 * @param {string} part
 * @param {string} message Why, in the server's words.
 * @param {"info" | "warning" | "error"} [level]
 * @param {string} [code]
 */
export function notifyPart(part, message, level = "warning", code = "") {
  const key = `part_${part}`;
  notify(`part:${part}`, { level, words: () => (hasWords(key) ? t(key) : t("part_other", { part })), why: () => reason(code, message) });
}

/**
 * What the server says of itself during a scene.
 * @param {import("./types.js").ServerEvent} event A `duologue.notice`.
 */
export function notifyServer(event) {
  const { code = "", message = "" } = event;
  const level = event.level === "error" || event.level === "info" ? event.level : "warning";
  const part = PARTS[event.part ?? ""] ?? event.part;
  if (code === "recovering") return recovering(message);
  if (code === "recovered") dismiss("recovering");
  if (part && hasWords(`part_${part}`) && level !== "info" && !ONCE.has(code)) return notifyPart(part, message, level, code);
  if (part && level === "info") dismiss(`part:${part}`);
  notify(`notice:${code}`, { level, words: () => reason(code, message) || t("failed") });
}

/**
 * A part is being repaired: said quietly, until it is.
 * @param {string} message
 */
function recovering(message) {
  /** @type {Notice} */
  const notice = { level: "info", stays: true, words: () => reason("recovering", message) };
  notify("recovering", notice);
  setTimeout(() => shown.get("recovering") === notice && dismiss("recovering"), RECOVERING_MS);
}

/**
 * The scene is over from the server's side, for good.
 * @param {string} code
 * @param {() => void} again
 */
export function notifyEnded(code, again) {
  const key = hasWords(code) ? code : "session_closed";
  notify("link", { level: "warning", words: () => t(key), actions: [{ key: "continue_scene", run: again }] });
}

/**
 * @param {ApiError} failure
 * @returns {WordKey}
 */
function keyOf(failure) {
  if (hasWords(failure.code)) return failure.code;
  if (failure.status === 503 || failure.status === 429 || /full|limit|overloaded/.test(failure.code)) return "sessions_full";
  if (failure.status === 401 || failure.status === 403) return "not_allowed";
  return "failed";
}

/** Everything that is missing shares one banner. */
function redraw() {
  const missing = [...shown].filter(([cause]) => cause.startsWith("part:"));
  const others = [...shown].filter(([cause]) => !cause.startsWith("part:"));
  const banners = others.map(([cause, notice]) => banner(cause, notice));
  if (missing.length > 0) banners.unshift(missingBanner(missing.map(([, notice]) => notice)));
  byId("notices").replaceChildren(...banners);
}

/** @param {Notice[]} missing */
function missingBanner(missing) {
  const close = make("button", { type: "button", class: "notice-close", "aria-label": t("close") }, "×");
  close.addEventListener("click", () => dismissAll("part:"));
  const items = missing.map((notice) => make("li", {}, notice.words(), ...small(notice)));
  const level = missing.some((notice) => notice.level === "error") ? "error" : "warning";
  return make("div", { class: "notice", "data-level": level, "data-cause": "parts" }, make("ul", { "aria-label": t("degraded_title") }, ...items), close);
}

/**
 * @param {string} cause
 * @param {Notice} notice
 */
function banner(cause, notice) {
  const close = make("button", { type: "button", class: "notice-close", "aria-label": t("close") }, "×");
  close.addEventListener("click", () => dismiss(cause));
  const parts = [make("p", {}, notice.words(), ...small(notice))];
  for (const { key, run } of notice.actions ?? []) {
    const button = make("button", { type: "button", class: "notice-action" }, t(key));
    button.addEventListener("click", () => {
      dismiss(cause);
      run();
    });
    parts.push(button);
  }
  return make("div", { class: "notice", "data-level": notice.level, "data-cause": cause }, ...parts, close);
}

/**
 * Why, in smaller print; nothing when the words have said it.
 * @param {Notice} notice
 */
function small(notice) {
  const why = notice.why?.() ?? notice.detail ?? "";
  return why === "" || why === notice.words() ? [] : [make("small", {}, why)];
}
