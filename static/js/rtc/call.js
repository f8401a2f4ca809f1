/**
 * One peer connection with the server: our microphone, the persona's voice, and two channels, one for events, one for
 * what is of no use when it is late.
 *
 * @typedef {import("../types.js").Scene} Scene
 *
 * @typedef {object} CallHooks
 * @property {(text: string) => void} event
 * @property {(stream: MediaStream) => void} voice
 * @property {() => void} shaken Nothing has come for a while; it may come back, or be brought back by {@link Call.restart}.
 * @property {() => void} over It has ended without our doing.
 */
import { endCall, iceServersOf, patchCall, startCall } from "../api.js";
import { fragmentOf, renewed } from "./sdp.js";

/** Addresses of this machine are known at once; a server that tells ours is waited for no longer than this. */
const GATHER_MS = 500;

/** Until both ends have found each other; after that it will not happen. */
const CONNECT_MS = 6_000;

/** A server that does not answer the end of a call is not waited for longer. */
const HANG_UP_MS = 1_000;

/** Candidates that wait for the server's answer; a machine has a few, and the server takes 128 in all. */
const MOST_LATE = 64;

/** What the browser may hold back for the server before frames of the fast channel are left out. */
const FAST_BACKLOG_BYTES = 24 * 1024;

/** Everything goes one way. @type {RTCConfiguration} */
const BUNDLED = { bundlePolicy: "max-bundle" };

/** What a server says that takes no calls at all. */
const OFF = "rtc_off";

/** Why a call did not come about, as the last part of a key of the page's words. */
export class CallError extends Error {
  /**
   * @param {"signalling" | "ice" | "off"} code
   * @param {string} [detail] In the server's words.
   */
  constructor(code, detail = "") {
    super(detail || code);
    this.code = code;
    this.detail = detail;
  }
}

export class Call {
  /**
   * @param {Scene} scene
   * @param {CallHooks} hooks
   */
  constructor(scene, hooks) {
    this.scene = scene;
    this.hooks = hooks;
    this.pc = new RTCPeerConnection(BUNDLED);
    this.sender = this.pc.addTransceiver("audio", { direction: "sendrecv" }).sender;
    this.events = this.pc.createDataChannel("oai-events");
    this.fast = this.pc.createDataChannel("duologue-fast", { ordered: false, maxRetransmits: 0 });
    this.fast.binaryType = "arraybuffer";
    /** Where the server knows the call. */
    this.location = "";
    /** What the server has said of itself. */
    this.answer = "";
    this.closed = false;
    /** Candidates that were found since our description was sent, while the server has not answered it. @type {string[]} */
    this.late = [];
    this.listen();
  }

  listen() {
    const { pc, events, fast } = this;
    events.onmessage = ({ data }) => this.closed || this.hooks.event(String(data));
    // What answers to it is told in words.
    fast.onmessage = ({ data }) => this.closed || (typeof data === "string" && this.hooks.event(data));
    events.onclose = () => this.end();
    pc.ontrack = ({ track }) => this.hooks.voice(new MediaStream([track]));
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.found(candidate.candidate);
    };
    pc.onconnectionstatechange = () => {
      if (this.closed) return;
      if (pc.connectionState === "closed") this.end();
      else if (pc.connectionState === "disconnected" || pc.connectionState === "failed") this.hooks.shaken();
    };
  }

  /**
   * Calls. Throws a {@link CallError}.
   * @param {MediaStreamTrack | null} track The microphone, when it is open already.
   * @param {number | null} from Resumes after this number.
   */
  async open(track, from) {
    const iceServers = await iceServersOf(this.scene);
    if (iceServers.length > 0) this.pc.setConfiguration({ ...BUNDLED, iceServers });
    await this.sender.replaceTrack(track);
    await this.pc.setLocalDescription(await this.pc.createOffer());
    await this.gathered();
    const made = await startCall(this.scene, this.described(), from).catch((error) => {
      throw new CallError(error.code === OFF ? "off" : "signalling", error.message);
    });
    this.location = made.location;
    try {
      await this.pc.setRemoteDescription({ type: "answer", sdp: made.sdp });
    } catch (error) {
      throw new CallError("signalling", String(error));
    }
    this.answered(made.sdp);
    await this.connected();
  }

  /** Finds a new way to the server for the same connection: nothing that was said is lost. Throws a {@link CallError}. */
  async restart() {
    if (this.events.readyState !== "open" || this.location === "") throw new CallError("ice");
    const answer = this.answer;
    // What is found now belongs to the new description and goes with it.
    this.answer = "";
    await this.pc.setLocalDescription(await this.pc.createOffer({ iceRestart: true }));
    await this.gathered();
    const told = await patchCall(this.scene, this.location, fragmentOf(this.described())).catch((error) => {
      throw new CallError("signalling", error.message);
    });
    const sdp = renewed(answer, told);
    await this.pc.setRemoteDescription({ type: "answer", sdp });
    this.answered(sdp);
    await this.connected();
  }

  /** Until our own addresses are known. */
  gathered() {
    const { pc } = this;
    return new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
      if (pc.iceGatheringState === "complete") return resolve();
      const timer = setTimeout(resolve, GATHER_MS);
      pc.addEventListener("icegatheringstatechange", () => {
        if (pc.iceGatheringState !== "complete") return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Until the channel for events is open and the way to the server is found. */
  connected() {
    const { pc, events } = this;
    const isThere = () => pc.connectionState === "connected" && events.readyState === "open";
    return new Promise((/** @type {(value?: unknown) => void} */ resolve, reject) => {
      const timer = setTimeout(() => (done(), reject(new CallError("ice"))), CONNECT_MS);
      const look = () => {
        if (isThere()) return done(), resolve();
        if (this.closed || pc.connectionState === "failed") return done(), reject(new CallError("ice"));
      };
      const done = () => {
        clearTimeout(timer);
        pc.removeEventListener("connectionstatechange", look);
        for (const name of ["open", "close"]) events.removeEventListener(name, look);
      };
      pc.addEventListener("connectionstatechange", look);
      for (const name of ["open", "close"]) events.addEventListener(name, look);
      look();
    });
  }

  /** What we say of ourselves now, with all candidates so far. */
  described() {
    this.late = [];
    return this.pc.localDescription?.sdp ?? "";
  }

  /** @param {string} candidate */
  found(candidate) {
    if (this.answer !== "") void this.tell([candidate]);
    else if (this.late.length < MOST_LATE) this.late.push(candidate);
  }

  /**
   * The server has answered: from now on it can be told where else we are reached.
   * @param {string} sdp
   */
  answered(sdp) {
    this.answer = sdp;
    const late = this.late.splice(0);
    if (late.length > 0) void this.tell(late);
  }

  /**
   * Tells the server where else we are reached; that it does not learn this is no reason to end the call.
   * @param {string[]} candidates
   */
  async tell(candidates) {
    await patchCall(this.scene, this.location, fragmentOf(this.pc.localDescription?.sdp ?? "", candidates)).catch(() => {});
  }

  /**
   * @param {string} text
   * @returns {boolean} Whether it is on its way.
   */
  send(text) {
    if (this.closed || this.events.readyState !== "open") return false;
    this.events.send(text);
    return true;
  }

  /** @param {ArrayBuffer} frame */
  sendFast(frame) {
    if (this.closed || this.fast.readyState !== "open" || this.fast.bufferedAmount > FAST_BACKLOG_BYTES) return;
    this.fast.send(frame);
  }

  /** @param {MediaStreamTrack | null} track */
  setTrack(track) {
    void this.sender.replaceTrack(track).catch(() => {});
  }

  /** Whether the connection was ended under us: browsers tell nobody of that. */
  get isGone() {
    return !this.closed && this.pc.signalingState === "closed";
  }

  end() {
    if (this.closed) return;
    this.drop();
    this.hooks.over();
  }

  /** Lets go of it; the server waits for the scene to come back. */
  drop() {
    if (this.closed) return;
    this.quieten();
    this.pc.close();
  }

  /** From now on nothing of it is told to anybody. */
  quieten() {
    this.closed = true;
    for (const channel of [this.events, this.fast]) channel.onmessage = channel.onclose = null;
    this.pc.ontrack = this.pc.onicecandidate = this.pc.onconnectionstatechange = null;
  }

  /**
   * Leaves for good. The connection stands, without the microphone, until the server has answered: one that saw it close
   * before it read of the end would know of no such call.
   */
  hangUp() {
    if (this.closed) return;
    if (this.location === "") return this.drop();
    this.quieten();
    this.setTrack(null);
    const told = endCall(this.scene, this.location).catch(() => {});
    void Promise.race([told, new Promise((late) => setTimeout(late, HANG_UP_MS))]).then(() => this.pc.close());
  }
}
