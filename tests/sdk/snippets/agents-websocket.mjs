import { RealtimeAgent, RealtimeSession, tool } from "@openai/agents/realtime";
import { z } from "zod";

const weather = tool({
  name: "get_weather",
  description: "Says what the weather is like in a city now.",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `It is sunny in ${city}, 21 degrees.`,
});
const agent = new RealtimeAgent({ name: "Maya", instructions: "Answer in one short sentence.", tools: [weather] });
export const session = new RealtimeSession(agent, { transport: "websocket" });
const url = `${process.env.OPENAI_BASE_URL.replace(/^http/, "ws")}/realtime?model=maya`;
await session.connect({ url, apiKey: process.env.OPENAI_API_KEY });
