/**
 * A scripted server for tests of the page alone: it serves the real page, knows one persona, and speaks our
 * protocol over a real WebSocket, one word at a time as the test says.
 */
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { homedir } from "node:os";
import { extname, join, normalize } from "node:path";
import { ROOT } from "./server.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** The models that all checkouts share. */
export const HOME = process.env.DUOLOGUE_HOME ?? join(process.env.XDG_DATA_HOME ?? join(homedir(), ".local/share"), "duologue");

/** What the server hands out from the data folder, by the paths of the manifest. */
const FETCHED = { "/vendor/face_landmarker.task": "models/face_landmarker.task", "/soundfonts/gm.sf2": "soundfonts/sf_GMbank.sf2" };

const PERSONAS = [
  { id: "mira", name: "Mira", language: "en", languages: ["en", "ko"], description: "Speaks only what the test says.", greeting: "Hello." },
  { id: "sora", name: "소라", language: "ko", languages: ["ko", "en"], description: "시험이 시키는 말만 해요.", greeting: "안녕하세요." },
];

/** What RFC 6455 adds to a key. */
const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Opens the stage; `next()` gives the connection that the page makes next. */
export async function openStage() {
  const stage = { calls: [], waiting: [], sockets: new Set(), refuse: 0, messages: [], parts: [], missing: [], report: null, peer: null, ice: undefined };
  const server = createServer((request, answer) => void serve(stage, request, answer));
  server.on("upgrade", (request, socket) => upgrade(stage, request, socket));
  server.on("connection", (socket) => {
    stage.sockets.add(socket);
    socket.on("close", () => stage.sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Status with which sessions and sockets are refused; 0 for none. */
    refuse: (status) => (stage.refuse = status),
    /** What `GET …/messages` answers. */
    remember: (messages) => (stage.messages = messages),
    /** What `/health` says of the parts. */
    parts: (parts) => (stage.parts = parts),
    /** Files whose path holds one of these are not there. */
    lose: (...names) => (stage.missing = names),
    /** What `GET …/report` answers: a page, or `null` for none. */
    report: (html) => (stage.report = html),
    /** STUN and TURN servers that who may open a session is told of. */
    ice: (servers) => (stage.ice = servers),
    /** Who takes the page's calls over WebRTC: what `openPeer` has made. */
    peer: (peer) => (stage.peer = peer),
    /** The next connection of the page. */
    next: () => stage.calls.shift() ?? new Promise((resolve) => stage.waiting.push(resolve)),
    close: async () => {
      for (const socket of stage.sockets) socket.destroy();
      server.close();
    },
  };
}

async function serve(stage, request, answer) {
  const { pathname } = new URL(request.url, "http://stage");
  const json = (status, body) => answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (pathname === "/health") return json(200, { status: "ok", version: "0", sessions: { open: 0, limit: 9 }, parts: stage.parts });
  if (pathname === "/personas") return json(200, { personas: PERSONAS, active: "mira" });
  if (pathname === "/voice/voices") return json(200, { voices: [] });
  if (pathname === "/chat/sessions") return json(201, { id: randomUUID(), secret: "told-once", ice_servers: stage.ice });
  if (pathname.startsWith("/v1/realtime/calls")) return signal(stage, request, answer);
  if (stage.refuse) return json(stage.refuse, { error: { code: "not_found", message: "no such session" } });
  if (pathname.endsWith("/messages")) return json(200, { messages: stage.messages, has_more: false });
  if (pathname.endsWith("/report")) return stage.report && request.headers["x-duologue-secret"] ? answer.writeHead(200, { "content-type": "text/html" }).end(stage.report) : json(404, { error: { code: "not_found", message: "no report" } });
  if (pathname.startsWith("/chat/sessions/")) return json(200, { ice_servers: request.headers["x-duologue-secret"] ? stage.ice : undefined });
  try {
    const path = normalize({ "/": "/index.html", "/duet": "/duet.html" }[pathname] ?? pathname);
    if (stage.missing.some((name) => path.includes(name))) throw new Error("not here");
    const body = await readFile(FETCHED[path] ? join(HOME, FETCHED[path]) : join(ROOT, "static", path));
    answer.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(body);
  } catch {
    answer.writeHead(404).end();
  }
}

/** Signalling of a call: what the peer says to it. */
async function signal({ peer }, request, answer) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  if (!peer) return answer.writeHead(404).end();
  if (request.method === "DELETE") return (peer.hungUp = true), answer.writeHead(200).end();
  const said = request.method === "POST" ? await peer.call(new URL(request.url, "http://stage"), text) : await peer.patch(text);
  answer.writeHead(said.status, { "content-type": said.type, ...(said.location ? { location: said.location } : {}) }).end(said.body);
}

function upgrade(stage, request, socket) {
  if (stage.refuse) return socket.end(`HTTP/1.1 ${stage.refuse} Refused\r\ncontent-length: 0\r\n\r\n`);
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + MAGIC).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\nsec-websocket-protocol: realtime\r\n\r\n`);
  const call = makeCall(socket, new URL(request.url, "http://stage"), request.headers["sec-websocket-protocol"] ?? "");
  const waiting = stage.waiting.shift();
  if (waiting) waiting(call);
  else stage.calls.push(call);
}

/** One connection: what the page said, and what the server says, numbered. */
function makeCall(socket, url, protocols) {
  let rest = Buffer.alloc(0);
  const said = [];
  const faces = [];
  let number = Number(url.searchParams.get("resume") ?? 0);
  const write = (opcode, body) => {
    const header = body.length < 126 ? Buffer.from([0x80 | opcode, body.length]) : body.length < 65_536 ? Buffer.from([0x80 | opcode, 126, body.length >> 8, body.length & 255]) : null;
    if (header === null) throw new Error("the stage speaks in short sentences");
    socket.write(Buffer.concat([header, body]));
  };
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const frame = readFrame(rest);
      if (!frame) return;
      rest = rest.subarray(frame.length);
      if (frame.opcode === 2 && frame.body[0] === 0x44 && frame.body[2] === 2) faces.push(frame.body);
      if (frame.opcode === 1) {
        const event = { at: performance.now(), ...JSON.parse(frame.body.toString("utf8")) };
        said.push(event);
        call.answer?.(event);
      } else if (frame.opcode === 8) socket.end();
    }
  });
  const call = {
    url,
    /** Is told every event as it comes. @type {((event: any) => void) | null} */
    answer: null,
    /** What the page says it is, and whose. */
    protocols,
    /** Every JSON event of the page so far, with its time. */
    said,
    /** Every frame of landmarks so far. */
    faces,
    of: (type) => said.filter((event) => event.type === type),
    get number() {
      return number;
    },
    /** Sends an event under the next number. */
    say(type, more = {}) {
      number += 1;
      write(1, Buffer.from(JSON.stringify({ type, event_id: `event_${number}`, ...more })));
    },
    /** Begins to count elsewhere. */
    from(at) {
      number = at - 1;
    },
    /** Sends `samples` of a tone in frames of 20 ms, from `offset` on. */
    sound(turn, offset, samples, amplitude = 0.5) {
      for (let at = offset; at < offset + samples; at += 480) {
        number += 1;
        write(2, audio(turn, at, Math.min(480, offset + samples - at), amplitude));
      }
    },
    greet(session = {}) {
      this.say("session.created", { session: { audio: { input: { turn_detection: { type: "semantic_vad", eagerness: "auto" } } }, duologue: { degraded: [] }, ...session } });
      this.say("conversation.created", {});
    },
    /** Begins to answer. */
    reply(turn, words) {
      const [response, item] = [`resp_${turn}`, `item_${turn}`];
      this.say("response.created", { response: { id: response, duologue: { turn } } });
      this.say("response.output_item.added", { response_id: response, item: { id: item, type: "message", role: "assistant", content: [] }, duologue: { turn } });
      this.say("response.output_audio_transcript.delta", { response_id: response, item_id: item, delta: words });
      return { response, item };
    },
    /** Ends the reply, as the server does. */
    done({ response, item }, words, status = "completed") {
      this.say("response.output_audio.done", { response_id: response, item_id: item });
      this.say("response.output_audio_transcript.done", { response_id: response, item_id: item, transcript: words });
      this.say("response.done", { response: { id: response, status, status_details: status === "cancelled" ? { type: "cancelled", reason: "turn_detected" } : null } });
    },
    /** As a network does that goes away. */
    cut: () => socket.destroy(),
  };
  return call;
}

/** A binary frame of our wire: 16 bytes of header, then a tone of 400 Hz. */
function audio(turn, offset, samples, amplitude) {
  const frame = Buffer.alloc(16 + samples * 2);
  frame.set([0x44, 1, 1, 0]);
  frame.writeUInt32LE(turn, 4);
  frame.writeBigUInt64LE(BigInt(offset), 8);
  for (let at = 0; at < samples; at++) frame.writeInt16LE(Math.round(amplitude * 32_767 * Math.sin((2 * Math.PI * 400 * (offset + at)) / 24_000)), 16 + at * 2);
  return frame;
}

/** One masked frame of the page, or `null` while it is not whole. */
function readFrame(bytes) {
  if (bytes.length < 2) return null;
  let length = bytes[1] & 127;
  let at = 2;
  if (length === 126) [length, at] = [bytes.length < 4 ? Infinity : bytes.readUInt16BE(2), 4];
  else if (length === 127) [length, at] = [bytes.length < 10 ? Infinity : Number(bytes.readBigUInt64BE(2)), 10];
  if (bytes.length < at + 4 + length) return null;
  const mask = bytes.subarray(at, at + 4);
  const body = Buffer.from(bytes.subarray(at + 4, at + 4 + length)).map((byte, index) => byte ^ mask[index & 3]);
  return { opcode: bytes[0] & 15, length: at + 4 + length, body: Buffer.from(body) };
}
