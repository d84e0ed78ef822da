-- What wrk posts: arrays of alerts made from templates, each with a number of its own.
-- Arguments: FILE with one template a line ("@@" stands for the number), alerts per request, and after how many
-- alerts the numbers begin again (0: never, every alert of the run is new).
local parts, per_request, again = {}, 1, 0
local number, template = 0, 0

function init(arguments)
    for line in io.lines(arguments[1]) do
        local first, second, third = line:match("^(.-)@@(.-)@@(.*)$")
        parts[#parts + 1] = {first, second, third}
    end
    per_request = tonumber(arguments[2])
    again = tonumber(arguments[3])
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
end

function request()
    local text = {}
    for position = 1, per_request do
        local part = parts[template + 1]
        template = (template + 1) % #parts
        text[#text + 1] = part[1] .. number .. part[2] .. number .. part[3]
        number = number + 1
        if number == again then
            number, template = 0, 0
        end
    end
    return wrk.format(nil, nil, nil, "[" .. table.concat(text, ",") .. "]")
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
        summary.requests, summary.duration / 1e6, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
