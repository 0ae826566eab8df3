-- SPDX-License-Identifier: MIT
-- wrk.lua: one request, told by arguments, and a result that a program can read.
--
--   wrk … -s wrk.lua URL -- [method=POST] [body=BYTES] [browser] [close]
--
-- At the end it prints one line: "RESULT" and the figures as name=value, latencies in µs.

local browser = {
  ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  ["Accept-Encoding"] = "gzip, deflate, br, zstd",
  ["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.7,fr;q=0.5",
  ["Cache-Control"] = "max-age=0",
  ["Cookie"] = "sessionid=4f1c9e7a2b8d4c6e9f0a1b2c3d4e5f60; csrftoken=" .. string.rep("k7Qd", 16)
    .. "; theme=dark; consent=necessary%2Cstatistics"
    .. "; _visitor=v2.1.894734523.1763892011; _session=v2.1.1763892011.4.1.1763892544.60.0.0"
    .. "; cart=eyJpdGVtcyI6W3siaWQiOjQyLCJuIjoxfV19",
  ["DNT"] = "1",
  ["If-None-Match"] = 'W/"5f3a-18c2e4d7b60"',
  ["Priority"] = "u=0, i",
  ["Referer"] = "https://shop.example.org/catalogue/shoes?colour=red&size=42&page=3",
  ["Sec-CH-UA"] = '"Chromium";v="140", "Not=A?Brand";v="24", "Browser";v="140"',
  ["Sec-CH-UA-Mobile"] = "?0",
  ["Sec-CH-UA-Platform"] = '"Linux"',
  ["Sec-Fetch-Dest"] = "document",
  ["Sec-Fetch-Mode"] = "navigate",
  ["Sec-Fetch-Site"] = "same-origin",
  ["Upgrade-Insecure-Requests"] = "1",
  ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    .. "Chrome/140.0.0.0 Safari/537.36",
}

function init(args)
  for _, argument in ipairs(args) do
    local name, value = argument:match("^(%w+)=?(.*)$")
    if name == "method" then wrk.method = value
    elseif name == "body" then wrk.body = string.rep("e", tonumber(value))
    elseif name == "close" then wrk.headers["Connection"] = "close"
    elseif name == "browser" then
      for header, text in pairs(browser) do wrk.headers[header] = text end
    end
  end
end

-- wrk keeps whole microseconds; inside one, latencies are taken to be evenly spread, so that a
-- difference of 5 % can be seen at 20 µs.
local function quantile(latency, share)
  local total, seen = 0, 0
  for i = 1, #latency do
    local _, count = latency(i)
    total = total + count
  end
  for i = 1, #latency do
    local value, count = latency(i)
    if seen + count >= total * share then
      return value + (total * share - seen) / count
    end
    seen = seen + count
  end
  return 0
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    "RESULT requests=%d duration_us=%d connect=%d read=%d write=%d status=%d timeout=%d "
      .. "p50_us=%.2f p99_us=%.2f\n",
    summary.requests, summary.duration, e.connect, e.read, e.write, e.status, e.timeout,
    quantile(latency, 0.5), quantile(latency, 0.99)))
end
