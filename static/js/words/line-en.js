/** The words about how a scene is connected, in English. */
export const lineEn = {
  line: "Connection",
  line_rtc: "WebRTC",
  line_socket: "WebSocket",
  line_round_trip: "{ms} ms there and back",
  line_lost: "{percent} % lost",
  line_jitter: "{ms} ms uneven",
  line_why_off: "WebRTC is switched off on this server. The scene uses a WebSocket.",
  line_why_unsupported: "This browser has no WebRTC. The scene uses a WebSocket.",
  line_why_signalling: "The server did not take the WebRTC call. The scene uses a WebSocket.",
  line_why_ice: "No way for a WebRTC call was found, perhaps because of a firewall. The scene uses a WebSocket.",
  line_why_lost: "The WebRTC call was lost. The scene goes on over a WebSocket.",
  line_why_chosen: "As you chose in the menu.",
  call: "WebRTC call",
  call_help: "Plays on when the network falters. Without it the scene uses a WebSocket",
};
