// node:http and nothing else: answers every request with the bytes it was given.
import { createServer } from 'node:http'

const { status, headers, body } = JSON.parse(process.env['ANSWER'] ?? '{"status":200,"headers":{},"body":""}') as
  { status: number, headers: Record<string, string | string[]>, body: string }

const server = createServer((_request, response) => {
  response.writeHead(status, headers)
  response.end(body)
})
server.keepAliveTimeout = 72_000
server.listen(Number(process.env['PORT']), process.env['HOST'])
