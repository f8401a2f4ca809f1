/**
 * The shapes of a duet's wire, as far as the page reads them. All times are microseconds of the duet's clock.
 *
 * @typedef {"lead" | "chords" | "bass" | "drums"} Part
 *
 * @typedef {object} Note A note of the partner's.
 * @property {number} id
 * @property {number} at
 * @property {number} duration
 * @property {Part} part
 * @property {number} channel
 * @property {number} program
 * @property {number} pitch
 * @property {number} velocity
 *
 * @typedef {object} PlannedChord
 * @property {number} at_us
 * @property {number} duration_us
 * @property {string} symbol
 * @property {string} roman
 * @property {number} root
 * @property {string} quality
 *
 * @typedef {object} Transport
 * @property {number} origin_beat
 * @property {number} origin_us
 * @property {number} us_per_beat
 * @property {number} beats_per_bar
 * @property {number} quarters_per_beat
 *
 * @typedef {object} Settings
 * @property {"trade" | "accompany" | "counter" | "lead"} mode
 * @property {string} style
 * @property {"simple" | "medium" | "complex"} complexity
 * @property {number} bpm
 * @property {boolean} follow
 * @property {[number, number]} metre
 * @property {string} key
 * @property {string} changes
 * @property {number} trade_bars
 * @property {number} [commit_ms]
 * @property {number} [seed]
 *
 * @typedef {{player: number, name: string}} Player
 *
 * @typedef {[number, number, number, number]} MidiEvent Time, status and two data bytes.
 *
 * @typedef {object} DuetEvent Any event; which fields are there depends on `type`.
 * @property {string} type
 * @property {number} [t0]
 * @property {number} [t1]
 * @property {number} [t2]
 * @property {number} [player]
 * @property {number} [channel]
 * @property {Player[]} [players]
 * @property {Settings} [settings]
 * @property {boolean} [playing]
 * @property {boolean} [ended]
 * @property {Transport | null} [transport]
 * @property {number} [now_us]
 * @property {unknown[][]} [notes]
 * @property {PlannedChord[]} [chords]
 * @property {number} [revision]
 * @property {number[]} [ids]
 * @property {string | null} [key]
 * @property {string | null} [chord]
 * @property {number | null} [bpm]
 * @property {MidiEvent[]} [events]
 * @property {string} [code]
 * @property {string} [message]
 */

/**
 * A note as the wire writes it: `[id, at, duration, part, channel, program, pitch, velocity]`.
 * @param {unknown[]} row
 * @returns {Note}
 */
export function noteOf(row) {
  const [id, at, duration, part, channel, program, pitch, velocity] = row;
  return {
    id: Number(id), at: Number(at), duration: Number(duration), part: /** @type {Part} */ (part), channel: Number(channel),
    program: Number(program), pitch: Number(pitch), velocity: Number(velocity),
  };
}

/**
 * The beat at a moment, with its fraction.
 * @param {Transport} transport
 * @param {number} us
 */
export function beatAt(transport, us) {
  return transport.origin_beat + (us - transport.origin_us) / transport.us_per_beat;
}

/**
 * When a beat is.
 * @param {Transport} transport
 * @param {number} beat
 */
export function timeOf(transport, beat) {
  return transport.origin_us + (beat - transport.origin_beat) * transport.us_per_beat;
}
