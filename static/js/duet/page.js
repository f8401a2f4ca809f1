/**
 * The page of the duet: two views (before, and at the piano), the tools at the top, and what buttons and keys do.
 *
 * @typedef {import("../types.js").Scene} Scene
 */
import { byId, make } from "../dom.js";
import { initLanguage, language, onLanguage, t } from "../i18n.js";
import { initNotices, notify } from "../notices.js";
import { saveLive, scenes } from "../prefs.js";
import { initLanguageSwitch, initTheme } from "../tools.js";
import { duetAddress, inviteTo } from "./address.js";
import { MODES, options } from "./controls.js";
import { announce, Duet } from "./duet.js";
import { nameOf } from "./layout.js";
import { Opening } from "./opening.js";
import { download, renderVolumes } from "./panels.js";
import { SHORTCUTS, Typing } from "./typing.js";

/** One's own instrument: a few that are good to play with keys, as General MIDI counts them. */
const INSTRUMENTS = /** @type {const} */ ([0, 4, 11, 16, 24, 40, 65, 73]);

initLanguage();
initNotices();
initTheme();
initLanguageSwitch();
onLanguage(() => (document.title = t("duet_title")));

/** @type {Duet | null} */
let duet = null;
const opening = new Opening(invitation(), begin);

/**
 * The duet that the address names, with the key from its fragment or from this browser. The fragment is taken out of the
 * address: a screen that is shared should not show it.
 * @returns {Scene | null}
 */
function invitation() {
  const id = new URL(location.href).searchParams.get("session");
  if (!id) return null;
  const secret = decodeURIComponent(location.hash.slice(1));
  if (secret) history.replaceState(null, "", duetAddress(id));
  const known = scenes().find((scene) => scene.id === id);
  if (secret) keepKey(id, secret);
  const key = secret || known?.secret || keptKey(id);
  if (!key) {
    notify("address", { level: "warning", words: () => t("duet_no_key") });
    return null;
  }
  return known ?? { id, secret: key, personaId: "", personaName: "", language: language(), startedAt: Date.now() };
}

/** A guest's key lives as long as the tab: the duet is not this browser's own. @param {string} id @param {string} secret */
function keepKey(id, secret) {
  try {
    sessionStorage.setItem(`duologue.duet.${id}`, secret);
  } catch {
    // Storage is blocked: the link works until the page is loaded anew.
  }
}

/** @param {string} id */
function keptKey(id) {
  try {
    return sessionStorage.getItem(`duologue.duet.${id}`) ?? "";
  } catch {
    return ""; // As above.
  }
}

/**
 * @param {Scene} scene
 * @param {string} name
 */
function begin(scene, name) {
  history.replaceState(null, "", duetAddress(scene.id));
  show(true);
  if (!duet) {
    /** @type {Typing | null} */
    let typing = null;
    duet = new Duet((pitch) => typing?.keys.hint(pitch) ?? "");
    typing = listen(duet);
    duet.onRefused = leave;
    duet.open(scene, name);
  } else {
    duet.scene = scene;
    duet.partner = scene.personaName;
    duet.link.open(scene);
  }
  byId("stage-title").focus();
}

/**
 * The duet cannot be joined.
 * @param {"gone" | "full"} reason
 */
function leave(reason) {
  show(false);
  notify("address", { level: "warning", words: () => t(reason === "gone" ? "duet_unknown" : "sessions_full") });
  if (reason === "gone") history.replaceState(null, "", "./duet");
  if (reason === "gone") opening.startOver();
}

/** @param {boolean} on Whether the piano is there. */
function show(on) {
  document.body.dataset.view = on ? "duet" : "opening";
  byId("opening").hidden = on;
  byId("duet").hidden = !on;
  byId("link").hidden = !on;
  byId("help-open").hidden = !on;
  scrollTo(0, 0);
}

/** @param {Duet} duet */
function listen(duet) {
  const metronome = () => {
    duet.performer.metronome = !duet.performer.metronome;
    byId("click").setAttribute("aria-pressed", String(duet.performer.metronome));
  };
  const does = {
    start: () => void duet.link.send({ type: "duet.start" }),
    end: () => void duet.link.send({ type: "duet.end" }),
    stop: () => void duet.link.send({ type: "duet.stop" }),
    panic: () => {
      duet.off();
      duet.link.send({ type: "duet.panic" });
    },
    escape: () => (document.body.dataset.settings === "true" ? closeSettings() : does.panic()),
    toggle: () => (duet.performer.playing ? does.end() : does.start()),
    metronome,
    tap: (/** @type {number} */ at) => duet.controls.tap(at),
    mode: (/** @type {number} */ index) => duet.controls.change({ mode: MODES[index] }),
    where: () => announce(duet.readout.sentence),
    ask: () => {
      // Where the settings stand beside the stage there is nothing to open.
      if (byId("settings-open").checkVisibility()) openSettings(true);
      byId("ask").focus();
    },
    help: () => byId("help", HTMLDialogElement).showModal(),
  };
  for (const name of /** @type {const} */ (["start", "end", "stop", "panic"])) byId(name).addEventListener("click", () => does[name]());
  byId("click").addEventListener("click", metronome);
  const typing = new Typing({
    press: (pitch, velocity, at) => duet.hands.press(pitch, velocity, at),
    release: (pitch, at) => duet.hands.release(pitch, at),
    sustain: (down, at) => pedal(down, at),
    moved: () => moved(),
  }, does, () => document.body.dataset.view === "duet");
  const pedal = (/** @type {boolean} */ down, /** @type {number} */ at) => {
    duet.hands.sustain(down, at);
    byId("sustain").setAttribute("aria-pressed", String(down));
  };
  const moved = () => {
    duet.piano.move(typing.keys.base);
    byId("octave").textContent = nameOf(typing.keys.base);
    announce(t("duet_said_octave", { note: nameOf(typing.keys.base) }));
  };
  byId("octave").textContent = nameOf(typing.keys.base);
  byId("octave-down").addEventListener("click", () => typing.keys.shift(-12));
  byId("octave-up").addEventListener("click", () => typing.keys.shift(12));
  byId("sustain").addEventListener("click", (event) => pedal(!duet.hands.pedal, event.timeStamp));
  addEventListener("blur", () => {
    duet.piano.releaseAll(performance.now());
    duet.hands.letGo(performance.now());
    byId("sustain").setAttribute("aria-pressed", "false");
  });
  listenAside(duet);
  return typing;
}

/** @param {boolean} open On a small screen the settings lie over the stage. */
function openSettings(open) {
  document.body.dataset.settings = String(open);
  byId("settings-open").setAttribute("aria-expanded", String(open));
}

function closeSettings() {
  openSettings(false);
  byId("settings-open").focus();
}

/** @param {Duet} duet */
function listenAside(duet) {
  byId("settings-open").addEventListener("click", () => {
    openSettings(document.body.dataset.settings !== "true");
    if (document.body.dataset.settings === "true") byId("settings-close").focus();
  });
  byId("settings-close").addEventListener("click", closeSettings);
  byId("ask-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const ask = byId("ask", HTMLInputElement);
    if (ask.value.trim() !== "" && duet.link.send({ type: "duet.ask", text: ask.value.trim() })) ask.value = "";
  });
  byId("talk").addEventListener("click", () => duet.scene && talk(duet.scene));
  byId("share").addEventListener("click", () => void share(duet));
  for (const kind of /** @type {const} */ (["mid", "wav"])) byId(`record-${kind}`).addEventListener("click", () => void record(duet, kind));
  const instrument = byId("instrument", HTMLSelectElement);
  instrument.addEventListener("change", () => {
    duet.sound.setInstrument(Number(instrument.value));
    duet.hands.tell(0xc0, Number(instrument.value), 0, performance.now());
  });
  onLanguage(() => {
    options(instrument, INSTRUMENTS.map((program) => [String(program), t(`duet_instrument_${program}`)]));
    renderVolumes(duet.sound, (voice, volume) => duet.sound.setVolume(voice, volume));
    byId("shortcuts").replaceChildren(...SHORTCUTS.map(([keys, words]) => make("div", {}, make("dt", {}, make("kbd", {}, keys)), make("dd", {}, t(words)))));
  });
  byId("help-open").addEventListener("click", () => byId("help", HTMLDialogElement).showModal());
  byId("help-close").addEventListener("click", () => byId("help", HTMLDialogElement).close());
}

/**
 * The same session in words, in a window of its own: it goes on as after a reload, since a new window begins with what
 * this one remembers.
 * @param {Scene} scene
 */
function talk(scene) {
  saveLive({ scene });
  window.open("./", "_blank");
  saveLive(null);
}

/** @param {Duet} duet */
async function share(duet) {
  if (!duet.scene) return;
  const link = inviteTo(duet.scene);
  const words = byId("share-words");
  try {
    await navigator.clipboard.writeText(link);
    words.textContent = t("duet_shared");
  } catch {
    // Without https a page may not write to the clipboard; a person can.
    const field = make("input", { type: "text", readonly: true, value: link, "aria-label": t("duet_share_by_hand") });
    words.replaceChildren(t("duet_share_by_hand"), " ", field);
    /** @type {HTMLInputElement} */ (field).select();
  }
}

/**
 * @param {Duet} duet
 * @param {"mid" | "wav"} kind
 */
async function record(duet, kind) {
  if (!duet.scene) return;
  const words = byId("record-words");
  words.textContent = t("duet_recording");
  const result = await download(duet.scene, kind);
  words.textContent = result === "saved" ? "" : t(`duet_record_${result}`);
}
