"""From maps of a Gaussian head to its Gaussians, texel by texel: what HeadDecoder.forward does, at once."""

from __future__ import annotations

from math import exp, sqrt

from talkcli.engine.compiled import fast


@fast
def lay_texels(
    vertices, corners, mix, texels, form, look, base, sizes, turning, share, places, axes, opacity, colour
):
    """Set places [n, 3], axes [n, 3, 3], opacity [n] and colour [n, bases, 3] by vertices [V, 3], corners and
    mix of a layout, maps form [m, 11], look [m, 3 * bases] and base [m, 3], and sizes as `gaussian_head` has
    them.

    `turning` [bases, bases]: what a turn makes of harmonics, of which each texel takes its share [n].
    """
    reach, wide, thin, least, most = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]
    swells, lobes, shut, opens = sizes[5], sizes[6], sizes[7], sizes[8]
    bases = len(turning)
    for i in range(len(texels)):
        at = texels[i]
        a, b, c = vertices[corners[i, 0]], vertices[corners[i, 1]], vertices[corners[i, 2]]
        m = mix[i]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        ox, oy, oz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        scale = 1.0 / max(sqrt(ox * ox + oy * oy + oz * oz), 1e-20)
        ox, oy, oz = ox * scale, oy * scale, oz * scale
        rx = m[1, 0] * a[0] + m[1, 1] * b[0] + m[1, 2] * c[0]
        ry = m[1, 0] * a[1] + m[1, 1] * b[1] + m[1, 2] * c[1]
        rz = m[1, 0] * a[2] + m[1, 1] * b[2] + m[1, 2] * c[2]
        first = sqrt(rx * rx + ry * ry + rz * rz)
        scale = 1.0 / max(first, 1e-12)
        rx, ry, rz = rx * scale, ry * scale, rz * scale
        cx, cy, cz = oy * rz - oz * ry, oz * rx - ox * rz, ox * ry - oy * rx
        dx = m[2, 0] * a[0] + m[2, 1] * b[0] + m[2, 2] * c[0]
        dy = m[2, 0] * a[1] + m[2, 1] * b[1] + m[2, 2] * c[1]
        dz = m[2, 0] * a[2] + m[2, 1] * b[2] + m[2, 2] * c[2]
        second = abs(dx * cx + dy * cy + dz * cz)
        right, across, out = reach * form[at, 0], reach * form[at, 1], reach * form[at, 2]
        x = m[0, 0] * a[0] + m[0, 1] * b[0] + m[0, 2] * c[0]
        y = m[0, 0] * a[1] + m[0, 1] * b[1] + m[0, 2] * c[1]
        z = m[0, 0] * a[2] + m[0, 1] * b[2] + m[0, 2] * c[2]
        places[i, 0] = x + rx * right + cx * across + ox * out
        places[i, 1] = y + ry * right + cy * across + oy * out
        places[i, 2] = z + rz * right + cz * across + oz * out
        qw, qx, qy, qz = form[at, 3] + 1.0, form[at, 4], form[at, 5], form[at, 6]
        scale = 1.0 / max(sqrt(qw * qw + qx * qx + qy * qy + qz * qz), 1e-12)
        qw, qx, qy, qz = qw * scale, qx * scale, qy * scale, qz * scale
        for k in range(3):
            rest = wide * first if k == 0 else (wide * second if k == 1 else thin * sqrt(first * second))
            size = min(max(rest, least), most) * exp(min(max(form[at, 7 + k], -swells), swells))
            if k == 0:
                p = 1.0 - 2.0 * (qy * qy + qz * qz)
                q, r = 2.0 * (qx * qy + qw * qz), 2.0 * (qx * qz - qw * qy)
            elif k == 1:
                q = 1.0 - 2.0 * (qx * qx + qz * qz)
                p, r = 2.0 * (qx * qy - qw * qz), 2.0 * (qy * qz + qw * qx)
            else:
                r = 1.0 - 2.0 * (qx * qx + qy * qy)
                p, q = 2.0 * (qx * qz + qw * qy), 2.0 * (qy * qz - qw * qx)
            axes[i, 0, k] = size * (rx * p + cx * q + ox * r)
            axes[i, 1, k] = size * (ry * p + cy * q + oy * r)
            axes[i, 2, k] = size * (rz * p + cz * q + oz * r)
        opacity[i] = 1.0 / (1.0 + exp(-(opens * form[at, 10] + shut)))
        for channel in range(3):
            colour[i, 0, channel] = base[at, channel] + look[at, channel]
            for k in range(1, bases):
                value = look[at, 3 * k + channel]
                if share[i] > 0.0:
                    turned = value * 0.0
                    for j in range(1, bases):
                        turned += turning[k, j] * look[at, 3 * j + channel]
                    value += share[i] * (turned - value)
                colour[i, k, channel] = lobes * value
