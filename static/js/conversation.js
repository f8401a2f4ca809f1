/**
 * The script of a scene: who said what, built from the server's events. Pure, no element in it.
 *
 * @typedef {import("./types.js").ServerEvent} ServerEvent
 * @typedef {import("./types.js").Latency} Latency
 *
 * @typedef {{state: "running" | "done" | "failed", ms: number}} Tool
 *
 * @typedef {object} Line
 * @property {string} id The conversation item's id.
 * @property {"you" | "persona" | "note"} who
 * @property {string} text
 * @property {boolean} final
 * @property {number} turn 0 while unknown.
 * @property {boolean} cut Whether the persona was interrupted here.
 * @property {string | null} heard Of a line that was cut: what had been heard of it.
 * @property {Latency | null} latency
 * @property {string[]} asides What the person put in while it was said: "mhm", not a turn.
 * @property {Tool | null} [tool] Of a note: what the persona did besides talking. Its text is the function's name.
 * @property {"no" | "here" | "yes"} saved Whether it is kept for good, or for as long as the server runs.
 */

export class Conversation {
  constructor() {
    /** @type {Map<string, Line>} In the order of the scene. */
    this.lines = new Map();
    /** Which item each response speaks. @type {Map<string, string>} */
    this.itemOf = new Map();
  }

  /** The scene so far, to be kept over a reload of the page. */
  snapshot() {
    return { lines: [...this.lines.values()], items: [...this.itemOf] };
  }

  /**
   * @param {ReturnType<Conversation["snapshot"]>} kept
   * @returns {Line[]}
   */
  restore({ lines, items }) {
    this.lines = new Map(lines.map((line) => [line.id, line]));
    this.itemOf = new Map(items);
    return lines;
  }

  /**
   * Takes an event and returns the lines that it changed; a removed line comes back with `text` empty.
   * @param {ServerEvent} event
   * @returns {Line[]}
   */
  apply(event) {
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        return this.change(event.item_id, "you", () => {});
      case "conversation.item.input_audio_transcription.delta":
        return this.change(event.item_id, "you", (line) => {
          line.text = event.duologue?.partial ?? line.text + (event.delta ?? "");
        });
      case "conversation.item.input_audio_transcription.completed":
        return this.hear(event.item_id, event.transcript ?? "");
      case "conversation.item.input_audio_transcription.failed":
        return this.hear(event.item_id, "");
      case "conversation.item.added":
      case "conversation.item.done":
        return this.addItem(event.item);
      case "response.output_item.added":
        return this.begin(event);
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta":
        return this.change(event.item_id, "persona", (line) => {
          line.text += event.delta ?? "";
        });
      case "response.output_audio_transcript.done":
      case "response.output_text.done":
        return this.settle(event.item_id, event.transcript ?? event.text ?? "");
      case "response.done":
        return this.finish(event.response);
      case "conversation.item.truncated":
        return this.change(event.item_id, "persona", (line) => {
          line.cut = true;
        });
      case "conversation.item.retrieved":
        return this.setHeard(event.item);
      case "conversation.item.deleted":
        return this.hear(event.item_id, "");
      case "duologue.latency":
        return this.time(event);
      case "duologue.backchannel":
        return this.putIn(event.text ?? "");
      case "duologue.tool.started":
        return this.useTool(event, "running");
      case "duologue.tool.done":
        return this.useTool(event, event.error ? "failed" : "done");
      case "duologue.show":
        return event.what === "duet" ? this.change(`show_${this.lines.size}`, "note", (line) => Object.assign(line, { text: "duet", final: true, tool: { state: "done", ms: 0 } })) : [];
      case "duologue.durable":
        return this.keep(event.item_id, "yes");
      case "duologue.kept":
        return this.keep(event.item_id, "here");
      default:
        return [];
    }
  }

  /**
   * Adds what the person typed, before the server has confirmed it.
   * @param {string} id
   * @param {string} text
   */
  type(id, text) {
    return this.change(id, "you", (line) => Object.assign(line, { text, final: true }));
  }

  /** @param {string} text */
  note(text) {
    return this.change(`note_${this.lines.size}`, "note", (line) => Object.assign(line, { text, final: true }));
  }

  /**
   * @param {string | undefined} id
   * @param {Line["who"]} who
   * @param {(line: Line) => void} edit
   * @returns {Line[]}
   */
  change(id, who, edit) {
    if (!id) return [];
    const line = this.lines.get(id) ?? this.newLine(id, who);
    this.lines.set(id, line);
    edit(line);
    return [line];
  }

  /**
   * @param {string} id
   * @param {Line["who"]} who
   * @returns {Line}
   */
  newLine(id, who) {
    return { id, who, text: "", final: false, turn: 0, cut: false, heard: null, latency: null, asides: [], saved: "no" };
  }

  /**
   * What was said before, as the server keeps it; lines that are here already stay as they are.
   * @param {{id?: string, role: "user" | "assistant", content: string}[]} messages
   * @returns {Line[]}
   */
  recall(messages) {
    const past = messages.flatMap(({ id, role, content }, at) => {
      // A message is kept under its session's id and its own.
      const item = id?.split("/").at(-1) ?? `past_${at}`;
      if (this.lines.has(item)) return [];
      return [{ ...this.newLine(item, role === "user" ? "you" : "persona"), text: content, final: true, saved: /** @type {const} */ ("yes") }];
    });
    for (const line of past) this.lines.set(line.id, line);
    return past;
  }

  /** The connection was lost and the scene goes on without what was under way: nothing stays unfinished. */
  breakOff() {
    const open = [...this.lines.values()].filter((line) => !line.final);
    for (const line of open) {
      line.final = true;
      if (line.tool) line.tool.state = "failed";
      line.cut = line.who === "persona" && line.text !== "";
      if (line.text === "") this.lines.delete(line.id);
    }
    return open;
  }

  /**
   * What the person put in stands beside the reply that it was said to.
   * @param {string} words
   */
  putIn(words) {
    const reply = [...this.lines.values()].findLast((line) => line.who === "persona");
    if (!reply || words.trim() === "") return [];
    reply.asides.push(words.trim());
    return [reply];
  }

  /**
   * A function that the persona uses is a small line of its own.
   * @param {ServerEvent} event
   * @param {Tool["state"]} state
   */
  useTool(event, state) {
    if (!event.call_id || !event.name) return [];
    const text = event.name;
    return this.change(`tool_${event.call_id}`, "note", (line) => Object.assign(line, { text, final: state !== "running", tool: { state, ms: event.ms ?? 0 } }));
  }

  /**
   * @param {string | undefined} id
   * @param {Line["saved"]} saved
   */
  keep(id, saved) {
    const line = this.lines.get(id ?? "");
    if (!line || line.saved === saved) return [];
    line.saved = saved;
    return [line];
  }

  /**
   * The final words of what was said; nothing said, no line.
   * @param {string | undefined} id
   * @param {string} words
   */
  hear(id, words) {
    const changed = this.change(id, "you", (line) => Object.assign(line, { text: words.trim(), final: true }));
    if (id && words.trim() === "") this.lines.delete(id);
    return changed;
  }

  /**
   * What was typed, and, after a gap, what the server still knows.
   * @param {any} item
   */
  addItem(item) {
    const text = textOf(item);
    if (item?.type !== "message" || text === "") return [];
    if (item.role === "user") return this.change(item.id, "you", (line) => Object.assign(line, { text, final: true }));
    if (item.role !== "assistant" || this.lines.has(item.id)) return [];
    return this.change(item.id, "persona", (line) => Object.assign(line, { text, final: true, saved: "yes" }));
  }

  /** @param {ServerEvent} event */
  begin(event) {
    if (event.item?.type !== "message" || event.item.role !== "assistant") return [];
    if (event.response_id) this.itemOf.set(event.response_id, event.item.id);
    return this.change(event.item.id, "persona", (line) => {
      line.turn = event.duologue?.turn ?? line.turn;
      // Said again after a lost connection: its words come again too.
      line.text = "";
      line.final = line.cut = false;
    });
  }

  /**
   * The words of a reply that is over: of one that was cut these are fewer than were shown, and the rest stays as unheard.
   * @param {string | undefined} id
   * @param {string} words
   */
  settle(id, words) {
    return this.change(id, "persona", (line) => {
      const whole = words.trim();
      if (line.text.trim().startsWith(whole)) line.heard = whole;
      else line.text = words;
    });
  }

  /** @param {any} response */
  finish(response) {
    const id = this.itemOf.get(response?.id);
    return this.change(id, "persona", (line) => {
      line.final = true;
      line.cut = response.status === "cancelled";
    });
  }

  /**
   * After an interruption the server keeps only what was heard; the rest of the line is shown as unheard.
   * @param {any} item
   */
  setHeard(item) {
    const line = this.lines.get(item?.id);
    const heard = textOf(item).trim();
    if (!line || line.who !== "persona" || !line.text.startsWith(heard)) return [];
    line.heard = heard;
    line.cut ||= heard !== line.text.trim();
    return [line];
  }

  /** @param {ServerEvent} event */
  time(event) {
    const latency = /** @type {Latency} */ (/** @type {unknown} */ (event));
    const id = this.itemOf.get(event.response_id ?? "");
    const line = [...this.lines.values()].find((one) => one.id === id || (one.who === "persona" && one.turn === event.turn));
    if (!line) return [];
    line.latency = latency;
    return [line];
  }
}

/**
 * The words of an item, spoken or written.
 * @param {any} item
 */
export function textOf(item) {
  const parts = Array.isArray(item?.content) ? item.content : [];
  return parts.map((/** @type {any} */ part) => part.transcript ?? part.text ?? "").join("");
}
