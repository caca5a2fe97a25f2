// Stands between an SDK and the endpoint: passes everything on, and writes down each event that the SDK sends, one a line.
//   node record.cjs URL FILE
// Says where it listens.
const fs = require("node:fs");
const http = require("node:http");
const zlib = require("node:zlib");

const [url, file] = process.argv.slice(2);

function write(headers, body) {
  const sent = JSON.parse(headers["content-encoding"] === "gzip" ? zlib.gunzipSync(body) : body);
  for (const event of sent.batch ?? [sent]) fs.appendFileSync(file, `${JSON.stringify(event)}\n`);
}

const recorder = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const body = Buffer.concat(pieces);
    if (request.method === "POST") write(request.headers, body);
    // With the headers the Host goes on as well: settings that name it lead back here.
    const { method, headers } = request;
    const passed = http.request(`${url}${request.url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    passed.end(body);
  });
});
recorder.listen(0, "127.0.0.1", () => console.log(`listening http://127.0.0.1:${recorder.address().port}`));
