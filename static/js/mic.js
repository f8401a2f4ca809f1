/**
 * The microphone: permission, echo cancellation, frames of 20 ms at the wire's rate.
 */

/** Why there is no sound from the microphone, as a key of the page's words. */
export class MicError extends Error {
  /** @param {"mic_denied" | "mic_missing" | "mic_busy" | "mic_insecure"} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

export class Mic {
  /**
   * @param {AudioContext} context
   * @param {{frame: (pcm: ArrayBuffer) => void, level: (level: number) => void, lost: () => void}} sink
   */
  constructor(context, sink) {
    this.context = context;
    this.sink = sink;
    /** @type {MediaStream | null} */
    this.stream = null;
    /** @type {AudioWorkletNode | null} */
    this.node = null;
    this.muted = false;
  }

  /** Asks for the microphone and begins to send frames. Throws a {@link MicError}. */
  async open() {
    this.stream = await askForMicrophone();
    const [track] = this.stream.getAudioTracks();
    track?.addEventListener("ended", () => this.sink.lost());
    await this.context.audioWorklet.addModule(new URL("./worklets/capture.js", import.meta.url).href);
    this.node = new AudioWorkletNode(this.context, "duologue-capture", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => {
      this.sink.level(this.muted ? 0 : data.level);
      this.sink.frame(data.pcm);
    };
    this.context.createMediaStreamSource(this.stream).connect(this.node);
    this.setMuted(this.muted);
  }

  /** What it hears, for a call. */
  get track() {
    return this.stream?.getAudioTracks()[0] ?? null;
  }

  get isOpen() {
    return this.node !== null;
  }

  /**
   * A muted track delivers silence, so frames go on: in a scene audio is the clock, and silence ends a turn.
   * @param {boolean} muted
   */
  setMuted(muted) {
    this.muted = muted;
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  /** Gives the microphone back. */
  close() {
    this.node?.disconnect();
    this.node?.port.close();
    this.node = null;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
  }
}

/** @returns {Promise<MediaStream>} */
async function askForMicrophone() {
  if (!navigator.mediaDevices?.getUserMedia) throw new MicError("mic_insecure");
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError" || name === "SecurityError") throw new MicError("mic_denied");
    if (name === "NotFoundError" || name === "OverconstrainedError") throw new MicError("mic_missing");
    throw new MicError("mic_busy");
  }
}
