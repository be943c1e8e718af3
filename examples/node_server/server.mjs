// An agent in JavaScript: it answers over HTTP, and streams server-sent events where they are asked for.
import { createServer } from "node:http";

const PRICES = { tea: 4.2, milk: 1.1 };

function answer({ question, history }) {
  const product = Object.keys(PRICES).find((name) => question.includes(name));
  const steps = product ? [{ tool: "price", input: { product }, output: String(PRICES[product]) }] : [];
  const text = product ? `${product} costs ${PRICES[product]}.` : `You have asked ${history.length / 2 + 1} times.`;
  return { result: { answer: text, product: product ?? null }, steps, tokens: { input_tokens: 7, output_tokens: 3 } };
}

const server = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    const asked = JSON.parse(body);
    const reply = answer(asked);
    if (asked.stream) {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      for (const word of reply.result.answer.split(" ")) {
        response.write(`data: ${JSON.stringify({ delta: `${word} ` })}\n\n`);
      }
      response.write(`event: done\ndata: ${JSON.stringify(reply)}\n\n`);
      response.end("data: [DONE]\n\n");
    } else {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify(reply));
    }
  });
});

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => console.log(server.address().port));
