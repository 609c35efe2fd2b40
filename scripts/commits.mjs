// npm run commits: the subjects of the commits since this check exists
import { execFileSync } from 'node:child_process'

const longest = 72
const form = /^(feat|fix|perf|refactor|test|docs|build|ci|chore|revert)(\([a-z0-9-]+\))?: [^A-Z\s].*[^.\s]$/

const git = (...words) => execFileSync('git', words, { encoding: 'utf8' }).trim()
const first = git('log', '--diff-filter=A', '--format=%H', '--', 'scripts/commits.mjs').split('\n').at(-1)
const subjects = git('log', '--no-merges', '--format=%h %s', ...(first ? [`${first}~..HEAD`] : ['-1'])).split('\n').filter(Boolean)

const bad = subjects.filter(line => {
  const subject = line.slice(line.indexOf(' ') + 1)
  return subject.length > longest || !form.test(subject)
})
for (const line of bad) process.stderr.write(`${line}\n`)
if (bad.length > 0) {
  process.stderr.write(`a subject is "type(scope): imperative, lower case, no full stop" and at most ${longest} characters (CONTRIBUTING.md)\n`)
  process.exit(1)
}
process.stdout.write(`${subjects.length} subjects are as they should be\n`)
