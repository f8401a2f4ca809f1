import { OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime";

const weather = tool({
  name: "get_weather",
  description: "Says what the weather is like in a city now.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
  execute: async ({ city }) => `It is sunny in ${city}, 21 degrees.`,
});
const agent = new RealtimeAgent({ name: "Maya", instructions: "Answer in one short sentence.", tools: [weather] });
const transport = new OpenAIRealtimeWebRTC({ baseUrl: `${SERVER}/v1/realtime/calls` });
export const session = new RealtimeSession(agent, { transport });

// A page never holds a key: its own server asks for a secret with POST /v1/realtime/client_secrets and hands it over.
export const connect = (secret) => session.connect({ apiKey: secret });
