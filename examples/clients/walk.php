#!/usr/bin/env php
<?php
// The walk of a client in PHP: login, protect, verify, logout. Needs the curl extension; no packages.
//
//     php examples/clients/walk.php PHOTO
//
// LUMATRACE_URL, LUMATRACE_TENANT, LUMATRACE_USERNAME and LUMATRACE_PASSWORD say where and whom. Protects under an
// Idempotency-Key, so that sending again after a broken connection cannot protect twice.

declare(strict_types=1);

const TRIES = 5;

/** Sends a request; again after a lost connection, 409 in progress, 429 or 503, when the server says so. */
function send(string $path, array $headers, array|string $body): array
{
    $url = getenv('LUMATRACE_URL') ?: 'http://127.0.0.1:8081';
    for ($attempt = 0; $attempt < TRIES; $attempt++) {
        $answered = [];
        $curl = curl_init($url . $path);
        curl_setopt_array($curl, [
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => $body,
            CURLOPT_HTTPHEADER => $headers,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => 120,
            CURLOPT_HEADERFUNCTION => function ($curl, string $line) use (&$answered): int {
                [$name, $value] = array_pad(explode(':', $line, 2), 2, '');
                $answered[strtolower(trim($name))] = trim($value);
                return strlen($line);
            },
        ]);
        $content = curl_exec($curl);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        if ($content === false) {
            sleep(2 ** $attempt);
            continue;
        }
        if (isset($answered['retry-after']) && in_array($status, [409, 429, 503], true)) {
            sleep((int) $answered['retry-after']);
            continue;
        }
        if ($status >= 400) {
            $problem = json_decode($content, true);
            fail("{$problem['code']}: {$problem['message']} ({$problem['action']}) traceId {$problem['traceId']}");
        }
        return [$content, $answered];
    }
    fail("$path: no answer after " . TRIES . ' tries');
}

function fail(string $why): never
{
    fwrite(STDERR, "$why\n");
    exit(1);
}

if ($argc !== 2) {
    fail('usage: walk.php PHOTO');
}
$login = json_encode([
    'tenantId' => getenv('LUMATRACE_TENANT'),
    'username' => getenv('LUMATRACE_USERNAME'),
    'password' => getenv('LUMATRACE_PASSWORD'),
]);
[$content] = send('/api/v1/auth/login', ['Content-Type: application/json'], $login);
$authorization = 'Authorization: Bearer ' . json_decode($content, true)['token'];

$key = 'Idempotency-Key: ' . bin2hex(random_bytes(16));
$form = ['image' => new CURLFile($argv[1]), 'request' => '{"deviceModel":"walk.php"}'];
[$marked, $headers] = send('/api/v1/photos/protect', [$authorization, $key], $form);
$id = $headers['x-photo-id'];
printf("protected %s, %s dB, %d bytes\n", $id, $headers['x-watermark-psnr'], strlen($marked));

$form = ['image' => new CURLStringFile($marked, 'photo'), 'photoId' => $id];
[$content] = send('/api/v1/photos/verify', [$authorization], $form);
$verdict = json_decode($content, true);
printf("verify: authentic %s, %s, %s\n", var_export($verdict['authentic'], true), $verdict['verdict'], $verdict['message']);
printf("content credentials: %s, %s, %s\n", $verdict['c2paStatus'], $verdict['c2pa']['trust'], $verdict['c2pa']['manifestId']);
send('/api/v1/auth/logout', [$authorization], '');
if (!$verdict['authentic'] || $verdict['verdict'] !== 'INTACT') {
    fail('the protected file should be authentic and intact');
}
