#!/bin/sh
# Says nothing while the gateway serves. Run it by cron, which mails what it prints: */5 * * * * /path/to/check-stoa.sh
url="${STOA_GATEWAY_URL:-http://localhost:3001}/health/ready"
status=$(curl -s -o /dev/null --max-time 10 -w '%{http_code}' "$url")
[ "$status" = 200 ] && exit 0
echo "ALERT: $url answered $status at $(date)"
exit 1
