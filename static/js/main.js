/**
 * The page: two views (the cast, a scene) and the tools at the top.
 *
 * @typedef {import("./types.js").Persona} Persona
 * @typedef {import("./types.js").Scene} SceneRecord
 * @typedef {import("./types.js").Language} Language
 */
import * as api from "./api.js";
import { byId } from "./dom.js";
import { duetAddress } from "./duet/address.js";
import { Home } from "./home.js";
import { initLanguage, onLanguage, t } from "./i18n.js";
import { dismiss, dismissAll, initNotices, notify, notifyDegraded, notifyFailure } from "./notices.js";
import { load, loadLive } from "./prefs.js";
import { reportAddress } from "./report-address.js";
import { Scene } from "./scene.js";
import { SceneView } from "./scene-view.js";
import { initLanguageSwitch, initTheme } from "./tools.js";

/** Parts that matter to someone who has not begun yet; the session itself says the rest. */
const WORRYING = new Set(["unavailable", "degraded", "off"]);

/** @type {Scene | null} */
let scene = null;

/** Nothing is promised before the server has said how it is configured. @type {import("./i18n.js").WordKey | null} */
let privacy = null;

initLanguage();
initNotices();
initTheme();
const view = new SceneView();
const home = new Home({
  begin: async (persona, wanted) => {
    const record = await api.startScene(persona, wanted).catch((error) => notifyFailure("begin", error, () => void home.begin()));
    if (record) await play(persona, record);
  },
  resume: (record, persona) => play(persona, record, { again: true }),
});
initTools();
initControls();
void home.refresh().then(goOn);
void lookAtHealth();

/** A tab that was loaded anew in the middle of a scene goes on with it. */
async function goOn() {
  const live = loadLive();
  const persona = home.personas?.find(({ id }) => id === live?.scene.personaId);
  if (!live || !persona || scene) return;
  await play(persona, live.scene, { again: true, live });
}

/**
 * @param {Persona} persona
 * @param {SceneRecord} record
 * @param {{again?: boolean, live?: import("./prefs.js").Live | null}} [options]
 */
async function play(persona, record, options) {
  scene?.close();
  dismissAll("begin");
  dismiss("report");
  showScene(true);
  byId("duet-link", HTMLAnchorElement).href = duetAddress(record.id);
  scene = new Scene(persona, record, view, showLink);
  const opening = scene.open(options);
  byId("stage-name").focus();
  await opening;
}

function leave() {
  const left = scene?.record;
  const hasReport = view.mirror.hasScores;
  scene?.close();
  scene = null;
  if (left && hasReport) offerReport(left);
  showScene(false);
  home.render();
  void lookAtHealth();
  byId("main").focus();
}

/**
 * After a scene: what can be learnt from it.
 * @param {SceneRecord} record
 */
function offerReport(record) {
  const open = { key: /** @type {const} */ ("report"), run: () => void window.open(reportAddress(record.id), "_blank", "noopener") };
  notify("report", { level: "info", stays: true, words: () => t("report_ready", { name: record.personaName }), actions: [open] });
}

/** @param {boolean} on */
function showScene(on) {
  byId("home").hidden = on;
  byId("scene").hidden = !on;
  byId("link").hidden = !on;
  document.body.dataset.view = on ? "scene" : "home";
  scrollTo(0, 0);
}

/** @param {import("./link.js").LinkState} state */
function showLink(state) {
  byId("link").dataset.state = state.name;
  byId("link-words").textContent = t(/** @type {const} */ (`link_${state.name}`));
}

/** Before a scene begins: what will be missing from it, and whether words leave the machine. */
async function lookAtHealth() {
  const all = (await api.health().catch(() => ({ parts: [] }))).parts;
  // The page reads faces in the browser: whether the server could too is nothing to it.
  const parts = all.filter(({ part }) => part !== "face");
  if (scene || parts.length === 0) return;
  const { voices } = await api.voices().catch(() => ({ voices: [] }));
  privacy = parts.some(({ part, engine, state }) => part === "llm" && engine === "openai" && state !== "off")
    ? "privacy_model"
    : voices.some(({ online }) => online) ? "privacy_voice" : "privacy_local";
  byId("privacy").textContent = t(privacy);
  notifyDegraded(parts.filter(({ state }) => WORRYING.has(state)).map(({ part, reason, state }) => ({ part, reason: reason ?? state })));
}

function initTools() {
  initLanguageSwitch();
  onLanguage(() => showLink({ name: /** @type {any} */ (byId("link").dataset.state) }));
  onLanguage(() => (byId("privacy").textContent = privacy ? t(privacy) : ""));
  byId("brand").addEventListener("click", leave);
}

function initControls() {
  const text = byId("text", HTMLInputElement);
  byId("write").addEventListener("submit", (event) => {
    event.preventDefault();
    if (text.value.trim() !== "" && scene?.write(text.value.trim())) text.value = "";
  });
  byId("mic").addEventListener("click", () => void scene?.toggleMic());
  byId("interrupt").addEventListener("click", () => scene?.interrupt());
  byId("leave").addEventListener("click", leave);
  const mode = byId("hold-mode", HTMLInputElement);
  mode.addEventListener("change", () => void scene?.setHoldMode(mode.checked));
  const call = byId("call", HTMLInputElement);
  call.checked = load("rtc") !== false;
  call.addEventListener("change", () => void scene?.setCall(call.checked));
  initHold();
  addEventListener("pagehide", () => scene?.suspend());
  addEventListener("online", () => scene?.link.wake());
}

/** The button and the space bar hold; a lost focus or a hidden page lets go. */
function initHold() {
  const button = byId("hold");
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    scene?.talk.press();
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(name, () => scene?.talk.release());
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && scene && !document.querySelector("dialog[open]")) scene.interrupt();
    if (!holdsWith(event)) return;
    event.preventDefault();
    if (!event.repeat) scene?.talk.press();
  });
  addEventListener("keyup", (event) => {
    if (!holdsWith(event)) return;
    event.preventDefault();
    scene?.talk.release();
  });
  addEventListener("blur", () => scene?.talk.release());
}

/**
 * Space talks unless the focus is where space means something else.
 * @param {KeyboardEvent} event
 */
function holdsWith(event) {
  if (event.code !== "Space" || !scene?.talk.on) return false;
  const target = event.target instanceof Element ? event.target : null;
  return target === null || target.id === "hold" || !target.closest("input, textarea, button, a, select");
}
