import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import OpenAI from "openai";

const client = new OpenAI(); // reads OPENAI_BASE_URL and OPENAI_API_KEY

const speech = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "The river is wide here.", response_format: "wav" });
await writeFile("speech.wav", Buffer.from(await speech.arrayBuffer()));

const heard = await client.audio.transcriptions.create({ model: "whisper-1", file: createReadStream("speech.wav"), response_format: "verbose_json", timestamp_granularities: ["word"] });
console.log("heard:", heard.text, heard.words.length);

const stream = await client.chat.completions.create({ model: "maya", messages: [{ role: "user", content: "Hello! Who are you?" }], stream: true });
let said = "";
for await (const chunk of stream) said += chunk.choices[0]?.delta?.content ?? "";
console.log("said:", said);

const response = await client.responses.create({ model: "maya", input: "What do you do for a living?" });
console.log("response:", response.output_text);

const { data } = await client.embeddings.create({ model: "text-embedding-3-small", input: ["A dog sleeps.", "강아지가 자고 있어요."] });
console.log("embedding:", data.length, data[0].embedding.length);
