{{/* What a schema cannot say: values that contradict one another are refused, by name. */}}

{{- define "crossgate.check" -}}
{{- $redis := 0 }}
{{- if .Values.redis.url }}{{ $redis = add1 $redis }}{{ end }}
{{- if .Values.redis.existingSecret.name }}{{ $redis = add1 $redis }}{{ end }}
{{- if .Values.valkey.enabled }}{{ $redis = add1 $redis }}{{ end }}
{{- if ne (int $redis) 1 }}
{{- fail "redis: say which Redis to use, in exactly one way: redis.url, redis.existingSecret.name, or valkey.enabled (for trials only)" }}
{{- end }}
{{- if regexMatch "^[a-z]+://[^/@]*:[^/@]*@" .Values.redis.url }}
{{- fail "redis.url: holds a password, which would stand in the release for all to read; put the whole URL into a Secret and name it in redis.existingSecret.name" }}
{{- end }}
{{- if hasKey .Values.config "redis" }}
{{- range $key := list "url" "embedded" "data_dir" }}
{{- if hasKey $.Values.config.redis $key }}
{{- fail (printf "config.redis.%s: which Redis to use is said outside of config: redis.url, redis.existingSecret or valkey.enabled" $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- if not (or .Values.secrets.existing .Values.secrets.data) }}
{{- fail "secrets: the gateway needs its keys as files: name Secrets that hold them in secrets.existing, or give them in secrets.data" }}
{{- end }}
{{- if not .Values.secrets.existing }}
{{- range regexFindAll "/etc/crossgate/secrets/[-._a-zA-Z0-9]+" (toYaml .Values.config) -1 }}
{{- if not (hasKey $.Values.secrets.data (base .)) }}
{{- fail (printf "secrets.data: config names the file %s, which is not among %s" . (keys $.Values.secrets.data | sortAlpha | join ", ")) }}
{{- end }}
{{- end }}
{{- end }}
{{- $directory := dig "archive" "directory" "" .Values.config }}
{{- if and .Values.archive.existingClaim (not $directory) }}
{{- fail "archive.existingClaim: say in config.archive.directory where the claim is mounted" }}
{{- end }}
{{- if and $directory (not .Values.archive.existingClaim) (not .Values.extraVolumeMounts) }}
{{- fail "config.archive.directory: needs a volume that every replica writes: name its claim in archive.existingClaim" }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.valkey.enabled) (not .Values.networkPolicy.redis.to) }}
{{- fail "networkPolicy.redis.to: say where Redis is, by ipBlock or selectors: nothing else may be reached on its ports" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.hosts: name at least one host" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas: is more than autoscaling.maxReplicas" }}
{{- end }}
{{- if and .Values.podDisruptionBudget.enabled (not (hasSuffix "%" (toString .Values.podDisruptionBudget.maxUnavailable))) (not .Values.autoscaling.enabled) (gt (int .Values.replicas) 1) (ge (int .Values.podDisruptionBudget.maxUnavailable) (int .Values.replicas)) }}
{{- fail "podDisruptionBudget.maxUnavailable: lets every replica be evicted at once" }}
{{- end }}
{{- end }}
