import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Environment } from '../../src/env/environment.ts'
import { buildTestApp, type Teardown } from './app.ts'

/** An answer as it came. Names of headers are in lower case; of a header that came twice, the last. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body: string
}

/** The app on a port that the system picks: PUBLIC_URL stays what it was, so that no other process can be in the way. */
export async function listeningApp (t: Teardown, env: Environment = {}) {
  const built = await buildTestApp(t, env)
  return { ...built, address: await built.app.listen({ port: 0, host: '127.0.0.1' }) }
}

/** Sends bytes, one for each character, and gives back all that comes until the server closes. */
export async function overTheWire (address: string, request: string | string[]): Promise<Answer> {
  const socket = connect(Number(new URL(address).port), '127.0.0.1')
  let text = ''
  socket.on('data', chunk => { text += String(chunk) }).on('error', () => {})
  socket.write(Array.isArray(request) ? request.join('\r\n') : request, 'latin1')
  await once(socket, 'close')
  return parsed(text)
}

export function parsed (text: string): Answer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
  return { status: Number(statusLine.split(' ')[1]), headers, body: rest.join('\r\n\r\n') }
}

/** A request whose answer ends the connection. */
export const raw = (line: string, ...headers: string[]): string[] => [line, 'Host: localhost', 'Connection: close', ...headers, '', '']

/** A connection that stays open for one request after the other, and opens again where the service has closed it. */
export function keptConnection (address: string) {
  let socket: Socket | undefined
  let received = ''
  let answered: ((answer: Answer) => void) | undefined

  /** An answer is whole where its Content-Length has come, or the connection has ended. */
  function take (isEnd: boolean): void {
    const end = received.indexOf('\r\n\r\n')
    const length = end < 0 ? Infinity : Number(/\r\ncontent-length: (\d+)/i.exec(received.slice(0, end))?.[1] ?? 0)
    if (!answered || (!isEnd && received.length < end + 4 + length)) return
    const [answer, tell] = [parsed(received), answered]
    received = ''
    answered = undefined
    tell(answer)
  }

  function open (): Socket {
    const opened = connect(Number(new URL(address).port), '127.0.0.1').setEncoding('latin1')
    opened.on('data', chunk => { received += String(chunk); take(false) }).on('error', () => {})
    opened.on('close', () => {
      if (socket === opened) socket = undefined
      take(true)
    })
    return opened
  }

  return {
    async ask (bytes: Buffer): Promise<Answer> {
      socket ??= open()
      const answer = new Promise<Answer>(resolve => { answered = resolve })
      socket.write(bytes)
      const { headers } = await answer
      if (headers['connection'] === 'close') this.end()
      return answer
    },

    end (): void {
      socket?.destroy()
      socket = undefined
    }
  }
}
