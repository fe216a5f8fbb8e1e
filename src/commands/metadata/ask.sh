# Asks the instance metadata service (IMDSv2) for $1, a path below /latest/. It runs on the instance, by sh, and stands in single quotes:
# it has none itself. Exit statuses: see metadata.rs.
base=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-}
if [ -z "$base" ]; then
    case ${AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE:-} in
        [Ii][Pp][Vv]6) base="http://[fd00:ec2::254]" ;;
        *) base=http://169.254.169.254 ;;
    esac
fi
base=${base%/}
token=

# Each tool has these functions. The token is no argument, which others on the instance could read, where the tool allows it.
if command -v curl >/dev/null 2>&1; then
    ask() { # HEADER VALUE SECONDS URL [OPTION]...
        header=$1 value=$2 seconds=$3 url=$4
        shift 4
        printf "header = \"%s: %s\"\n" "$header" "$value" |
            curl -q -K - -g -s --noproxy "*" --max-redirs 0 -m "$seconds" "$@" "$url"
    }
    put_token() { ask X-aws-ec2-metadata-token-ttl-seconds 60 1 "$base/latest/api/token" -f -X PUT; }
    status() { ask X-aws-ec2-metadata-token "$token" 5 "$base/latest/$1" -o /dev/null -w "%{http_code}"; }
    body() { ask X-aws-ec2-metadata-token "$token" 5 "$base/latest/$1"; }
elif command -v python3 >/dev/null 2>&1; then
    ask() { # METHOD HEADER SECONDS URL, the value of the header on standard input
        EC2SSH_ASK="$1 $2 $3 $4 $5" python3 -c "
import os, sys, urllib.error, urllib.request
what, method, header, seconds, url = os.environ[\"EC2SSH_ASK\"].split(\" \")
class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)
value = sys.stdin.read().strip()
request = urllib.request.Request(url, method=method, headers={header: value})
try:
    answer = opener.open(request, timeout=float(seconds))
    status, content = answer.status, answer.read()
except urllib.error.HTTPError as error:
    status, content = error.code, b\"\"
except OSError:
    sys.exit(1)
if what == \"status\":
    print(status)
elif status == 200:
    sys.stdout.buffer.write(content)
else:
    sys.exit(1)
"
    }
    put_token() { echo 60 | ask body PUT X-aws-ec2-metadata-token-ttl-seconds 1 "$base/latest/api/token"; }
    status() { echo "$token" | ask status GET X-aws-ec2-metadata-token 5 "$base/latest/$1"; }
    body() { echo "$token" | ask body GET X-aws-ec2-metadata-token 5 "$base/latest/$1"; }
elif wget --version 2>/dev/null | grep -q GNU; then
    # It reads headers from its arguments or a file only. The token is good for a minute, on this instance, for whoever asks.
    ask() {
        header=$1 value=$2 seconds=$3 url=$4
        shift 4
        wget --no-config -q --no-proxy --max-redirect=0 -t 1 -T "$seconds" --header="$header: $value" "$@" "$url"
    }
    code() { sed -n "s/^ *HTTP\/[0-9.]* \([0-9]*\).*/\1/p" | tail -n 1; }
    put_token() { ask X-aws-ec2-metadata-token-ttl-seconds 60 1 "$base/latest/api/token" -O - --method=PUT; }
    status() { ask X-aws-ec2-metadata-token "$token" 5 "$base/latest/$1" -O /dev/null -S 2>&1 | code; }
    body() { ask X-aws-ec2-metadata-token "$token" 5 "$base/latest/$1" -O -; }
else
    exit 45
fi

token=$(put_token) || token=$(put_token) || {
    # Within a container the answer with the token may take a hop too many, and a refusal does not. The token is a wrong one: without
    # any, this would be IMDSv1.
    token=none
    case $(status meta-data/) in
        401 | 200) exit 41 ;;
        403) exit 43 ;;
        *) exit 40 ;;
    esac
}
answer=$(status "$1")
if [ "$answer" = 401 ]; then
    token=$(put_token)
    answer=$(status "$1")
fi
case $answer in
    200) body "$1" ;;
    401) exit 41 ;;
    403) exit 43 ;;
    404) exit 44 ;;
    *) exit 40 ;;
esac
