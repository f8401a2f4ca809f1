/**
 * The script on the page: one entry for each line, names in the margin as in a printed play.
 *
 * @typedef {import("./conversation.js").Line} Line
 */
import { byId, draw, make } from "./dom.js";
import { hasWords, seconds, t } from "./i18n.js";

/** A line that is not kept for good after this long says so; nearly all are within milliseconds. */
const PENDING_MS = 2_000;

/**
 * @typedef {object} ScriptOptions
 * @property {() => string} name Of the persona.
 * @property {() => string} language Of the scene.
 * @property {(line: Line) => void} timing Shows the waterfall of a line.
 * @property {(id: string) => boolean} speaking Whether the line is being said now: it is kept when it is over.
 */

export class ScriptView {
  /** @param {ScriptOptions} options */
  constructor(options) {
    this.options = options;
    this.list = byId("script");
    this.scroll = byId("script-scroll");
    this.empty = byId("script-empty");
    this.announcer = byId("announcer");
    /** @type {Map<string, HTMLElement>} */
    this.entries = new Map();
    /** @type {Set<string>} Lines that a screen reader has been told. */
    this.told = new Set();
    /** @type {Map<string, boolean>} Final lines that are not kept yet, and whether that is shown. */
    this.pending = new Map();
    /** @type {import("./voice.js").Manner} */
    this.manner = "full";
    /** @type {string | null} The line that the voice says. */
    this.said = null;
  }

  clear() {
    this.pending.clear();
    this.list.replaceChildren();
    this.entries.clear();
    this.told.clear();
    this.empty.hidden = false;
  }

  /**
   * Shows a line as it is now.
   * @param {Line} line
   * @param {boolean} [old] Lines of the past are not announced.
   */
  show(line, old = false) {
    const atEnd = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 80;
    if (line.text === "") return this.remove(line, atEnd);
    this.watch(line);
    const entry = this.drawEntry(line);
    const before = this.entries.get(line.id);
    if (before) before.replaceWith(entry);
    else this.list.append(entry);
    this.entries.set(line.id, entry);
    this.empty.hidden = true;
    if (atEnd) this.scroll.scrollTop = this.scroll.scrollHeight;
    if (line.final && !old) this.announce(line);
  }

  /**
   * Brings a line into view and the focus to it.
   * @param {string} id
   */
  jump(id) {
    const entry = this.entries.get(id);
    if (!entry) return;
    entry.tabIndex = -1;
    entry.scrollIntoView({ block: "center" });
    entry.focus({ preventScroll: true });
    entry.classList.remove("found");
    requestAnimationFrame(() => entry.classList.add("found"));
  }

  /**
   * A line without words keeps its place, so that what is said first stands first.
   * @param {Line} line
   * @param {boolean} atEnd
   */
  remove(line, atEnd) {
    const before = this.entries.get(line.id);
    if (line.final) {
      before?.remove();
      this.entries.delete(line.id);
    } else if (!before) {
      const place = make("li", { class: "line", hidden: true });
      this.list.append(place);
      this.entries.set(line.id, place);
    }
    if (atEnd) this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  /**
   * Notes a line that has yet to be kept, and looks again in a while.
   * @param {Line} line
   */
  watch(line) {
    const kept = line.saved !== "no";
    if (kept) this.pending.delete(line.id);
    if (kept || !line.final || line.who === "note" || this.pending.has(line.id)) return;
    this.pending.set(line.id, false);
    const look = () => {
      if (this.pending.get(line.id) !== false) return;
      if (this.options.speaking(line.id)) return void setTimeout(look, PENDING_MS);
      this.pending.set(line.id, true);
      this.show(line, true);
    };
    setTimeout(look, PENDING_MS);
  }

  /**
   * Dims the line of a voice that gives way.
   * @param {import("./voice.js").Manner} manner
   * @param {string | null} said
   */
  setManner(manner, said) {
    if (manner === this.manner && said === this.said) return;
    this.manner = manner;
    this.said = said;
    for (const [id, entry] of this.entries) entry.dataset.voice = this.mannerOf(id);
  }

  /** @param {string} id */
  mannerOf(id) {
    return id === this.said ? this.manner : "full";
  }

  /** @param {Line} line */
  drawEntry(line) {
    if (line.tool) return make("li", { class: "line note tool", "data-tool": line.text, "data-state": line.tool.state }, make("p", {}, ...toolWords(line.text, line.tool)));
    if (line.who === "note") return make("li", { class: "line note" }, make("p", {}, line.text));
    const name = line.who === "you" ? t("you") : this.options.name();
    return make("li", { class: `line ${line.who}${line.final ? "" : " partial"}`, "data-item": line.id, "data-final": line.final ? "true" : "false", "data-voice": this.mannerOf(line.id) },
      make("span", { class: "line-who" }, name),
      make("div", { class: "line-body" },
        make("p", { class: "line-words", lang: this.options.language() }, ...words(line)),
        drawAsides(line, this.options.language()),
        make("p", { class: "line-foot" }, this.drawTiming(line), this.drawSaved(line))));
  }

  /**
   * A small tick when the line is kept for good; a small dot when it should be and is not.
   * @param {Line} line
   */
  drawSaved(line) {
    if (line.saved === "yes") return make("span", { class: "kept", role: "img", "aria-label": t("saved"), title: t("saved") }, draw("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, draw("path", { d: "M2.2 6.4 4.8 9 9.8 3.4" })));
    if (!this.pending.get(line.id)) return null;
    return make("span", { class: "kept pending" }, t("saving"));
  }

  /** @param {Line} line */
  drawTiming(line) {
    if (!line.latency) return null;
    const total = seconds(line.latency.total_ms);
    const button = make("button", { type: "button", class: "line-time", "aria-label": t("timing_show", { total }) }, total);
    button.addEventListener("click", () => this.options.timing(line));
    return button;
  }

  /** @param {Line} line */
  announce(line) {
    if (this.told.has(line.id)) return;
    this.told.add(line.id);
    const name = line.who === "you" ? t("you") : line.who === "persona" ? this.options.name() : "";
    if (line.tool) this.announcer.textContent = toolWords(line.text, line.tool).map((part) => (typeof part === "string" ? part : part.textContent)).join("");
    else this.announcer.textContent = name ? `${name}: ${line.heard ?? line.text}` : line.text;
  }
}

/**
 * What the persona did besides talking. Functions of other programs are called what these call them.
 * @param {string} name
 * @param {import("./conversation.js").Tool} tool
 * @returns {(Node | string)[]}
 */
function toolWords(name, tool) {
  if (name === "duet") {
    const href = byId("duet-link", HTMLAnchorElement).getAttribute("href") ?? "./duet";
    return [make("a", { href, target: "_blank" }, t("tool_open_duet"))];
  }
  const known = `tool_${name}`;
  const words = hasWords(known) ? t(known) : name;
  if (tool.state === "running") return [t("tool_running", { name: words })];
  if (tool.state === "failed") return [t("tool_failed", { name: words })];
  return [t("tool_done", { name: words })];
}

/**
 * What the person put in while the line was said.
 * @param {Line} line
 * @param {string} language
 */
function drawAsides(line, language) {
  if (line.asides.length === 0) return null;
  const bubbles = line.asides.map((words) => make("li", { class: "aside", lang: language, "aria-label": t("put_in", { words }) }, words));
  return make("ul", { class: "asides" }, ...bubbles);
}

/**
 * The words of a line; of one that was cut, what was not heard is marked.
 * @param {Line} line
 * @returns {(Node | string)[]}
 */
function words(line) {
  if (!line.cut) return [line.text];
  const heard = line.heard ?? line.text;
  const rest = line.text.slice(heard.length);
  const mark = make("span", { class: "cut" }, t("interrupted"));
  if (rest.trim() === "") return [heard, " ", mark];
  return [heard, make("s", { title: t("not_heard") }, rest), " ", mark];
}
