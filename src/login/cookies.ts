import type { CookieSerializeOptions } from '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'
import { epochSeconds, type Clock } from '../stores/store.ts'
import type { IssuedToken } from '../tokens/access-tokens.ts'
import type { RefreshedSession } from '../tokens/sessions.ts'

type CookieSettings = Pick<Config, 'secure' | 'cookieDomain'>

/** `__Host-` makes browsers insist on https, this host and this path; on loopback http there is no such thing. */
export const cookieName = (name: string, secure: boolean): string =>
  `${secure ? '__Host-' : ''}handstamp${name && `-${name}`}`

export const cookieOptions = (secure: boolean): CookieSerializeOptions =>
  ({ httpOnly: true, secure, path: '/', sameSite: 'lax' })

/**
 * A cookie of ours, unless the browser brought two of that name: then somebody planted one, and neither counts.
 */
export function readCookie (request: FastifyRequest, name: string): string | undefined {
  const value = request.cookies[name]
  if (!value) return undefined
  const header = String(request.headers.cookie)
  let seen = 0
  for (let at = header.indexOf(name); at >= 0; at = header.indexOf(name, at + name.length)) {
    const before = header.slice(0, at).trimEnd()
    if ((before === '' || before.endsWith(';')) && /^\s*=/.test(header.slice(at + name.length, at + name.length + 8))) seen++
  }
  return seen === 1 ? value : undefined
}

/** The cookies of a session: all set or all cleared at once. */
export function sessionCookies ({ secure, cookieDomain }: CookieSettings, clock: Clock) {
  const access = cookieDomain ? '__Secure-handstamp' : cookieName('', secure)
  const refresh = cookieName('refresh', secure)
  const options = cookieOptions(secure)
  const accessOptions = cookieDomain ? { ...options, domain: cookieDomain } : options

  return {
    /** The access token the browser brought. */
    read: (request: FastifyRequest): string | undefined => readCookie(request, access),

    /** The refresh token the browser brought. */
    readRefresh: (request: FastifyRequest): string | undefined => readCookie(request, refresh),

    set (reply: FastifyReply, { token, expiresIn }: IssuedToken, { refreshToken, idleEndsAt }: RefreshedSession): void {
      reply.setCookie(access, token, { ...accessOptions, maxAge: expiresIn })
      reply.setCookie(refresh, refreshToken, { ...options, maxAge: idleEndsAt - epochSeconds(clock) })
    },

    clear (reply: FastifyReply): void {
      reply.clearCookie(access, accessOptions)
      reply.clearCookie(refresh, options)
    }
  }
}

export type SessionCookies = ReturnType<typeof sessionCookies>
