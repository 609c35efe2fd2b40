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

/** The cookies a browser sent, in its order: a parser that keeps one of two would hide that there are two. */
export function sentCookies ({ headers: { cookie } }: FastifyRequest): Array<[name: string, value: string]> {
  if (cookie === undefined) return []
  return cookie.split(';').filter(pair => pair.includes('=')).map(pair => {
    const at = pair.indexOf('=')
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
  })
}

/** A cookie of ours, unless the browser brought two of that name: then somebody planted one, and neither counts. */
export function readCookie (request: FastifyRequest, name: string): string | undefined {
  const [found, another] = sentCookies(request).filter(([sent]) => sent === name)
  return another === undefined && found?.[1] ? found[1] : undefined
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
