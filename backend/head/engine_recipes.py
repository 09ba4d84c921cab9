"""How to build the skin's material in Unreal and Unity: the short texts that are written beside the maps."""

from __future__ import annotations

from string import Template

_SHADER = """\
    float2 slope = N0.xy / N0.z;
    float3 n[3] = { N1, N2, N3 };
    for (int s = 0; s < 3; s++)
    {
        float m = dot(A, ${amounts}[4 * s]) + dot(B, ${amounts}[4 * s + 1])
                + dot(C, ${amounts}[4 * s + 2]) + dot(D, ${amounts}[4 * s + 3]);
        slope += m * n[s].xy / n[s].z;
    }
"""

_UNREAL = """\
# Wrinkles in Unreal Engine

`${stem}_detail.json` holds the formula and the weights; this page says where they go.

## Import
| File | Compression Settings | sRGB |
|---|---|---|
| `*_normal.png` | Normalmap | off |
| `*_masks_*.png` | Masks | off |
| `*_height.png` (only for tessellation) | Grayscale | off |

The green channel of the normal maps points ${green}. Unreal wants it down: where it points up, tick *Flip Green
Channel* in the texture editor.

## Material of the skin
1. Texture samples: neutral, wrinkle_1, wrinkle_2, wrinkle_3 (type Normal); masks_1 to masks_4 (type Masks). All use
   texture coordinate 0.
2. Twelve Vector Parameters named `wrinkle_1_masks_1` to `wrinkle_3_masks_4`, default 0: the amounts of a set in the
   four regions of a mask image, in the order of its channels.
3. A Custom node, output type Float3, with inputs N0 to N3 (the samples' RGB), A to D (the masks' RGBA) and P0 to
   P11 (the vector parameters' RGBA):

       float4 P[12] = { P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11 };
${shader}       return normalize(float3(slope, 1));

4. Its result goes to *Normal*. In the material's details *Tangent Space Normal* stays on.

## Every frame
The morph targets' curves have the blendshapes' names. In a Blueprint or component of the character:

    // Once
    UMaterialInstanceDynamic* Skin = Mesh->CreateDynamicMaterialInstance(SkinSlot);
    // Every tick, for every entry "weights" of every set in the table
    float Amount = 0.f;
    for (int32 K = 0; K < Row.Blendshapes.Num(); ++K)
        Amount += Row.Values[K] * Mesh->GetAnimInstance()->GetCurveValue(Row.Blendshapes[K]);
    Parameter.Component(Channel) = FMath::Clamp(Amount, 0.f, 1.f);   // FLinearColor of its mask image
    // Then, for all twelve
    Skin->SetVectorParameterValue(TEXT("wrinkle_1_masks_1"), Parameter);

## HiFace's pair instead
The same with compressed and stretched in the place of the three sets, and eight parameters. Use one or the other.
"""

_UNITY = """\
# Wrinkles in Unity

`${stem}_detail.json` holds the formula and the weights; this page says where they go.

## Import
| File | Texture Type | sRGB |
|---|---|---|
| `*_normal.png` | Normal map | - |
| `*_masks_*.png` | Default, alpha is not transparency | off |
| `*_height.png` (only for tessellation) | Default | off |

The green channel of the normal maps points ${green}. Unity wants it up: where it points down, tick *Flip Green
Channel* in the importer.

## Material of the skin
A Shader Graph with a Custom Function node of type File. Inputs N0 to N3 (Vector3: samples of neutral, wrinkle_1 to
wrinkle_3 with type Normal), A to D (Vector4: samples of masks_1 to masks_4); output Normal (Vector3), which goes to
*Normal (Tangent Space)*. The file:

    float4 _WrinkleAmounts[12];
    void Wrinkles_float(float3 N0, float3 N1, float3 N2, float3 N3,
                        float4 A, float4 B, float4 C, float4 D, out float3 Normal)
    {
${shader}        Normal = normalize(float3(slope, 1));
    }

## Every frame
    using System;
    using UnityEngine;

    public class FacewrightWrinkles : MonoBehaviour
    {
        [Serializable] class Row { public string region; public string[] blendshapes; public float[] values; }
        [Serializable] class Map { public string name; public Row[] weights; }
        [Serializable] class Region { public string name; }
        [Serializable] class Table { public Region[] regions; public Map[] wrinkle_sets, tension_pair; }

        public TextAsset table;            // ${stem}_detail.json
        public SkinnedMeshRenderer head;
        public int skinSlot;
        Table read;
        MaterialPropertyBlock block;
        readonly Vector4[] amounts = new Vector4[12];

        void Start()
        {
            read = JsonUtility.FromJson<Table>(table.text);
            block = new MaterialPropertyBlock();
        }

        void LateUpdate()
        {
            for (int s = 0; s < read.wrinkle_sets.Length; s++)
                foreach (Row row in read.wrinkle_sets[s].weights)
                {
                    float amount = 0f;
                    for (int k = 0; k < row.values.Length; k++)
                    {
                        int shape = head.sharedMesh.GetBlendShapeIndex(row.blendshapes[k]);
                        if (shape >= 0) amount += row.values[k] * head.GetBlendShapeWeight(shape) / 100f;
                    }
                    int region = Array.FindIndex(read.regions, entry => entry.name == row.region);
                    amounts[4 * s + region / 4][region % 4] = Mathf.Clamp01(amount);
                }
            block.SetVectorArray("_WrinkleAmounts", amounts);
            head.SetPropertyBlock(block, skinSlot);
        }
    }

Keep the two look-ups by name in arrays where many heads move at once.

## HiFace's pair instead
The same with compressed and stretched in the place of the three sets, and eight amounts. Use one way or the other.
"""


def recipe(engine: str, stem: str, green_down: bool) -> str:
    """The text for "Unreal" or "Unity", with the files' own names. Raises KeyError for another engine."""
    text, amounts, indent = {"Unreal": (_UNREAL, "P", "   "), "Unity": (_UNITY, "_WrinkleAmounts", "    ")}[engine]
    shader = Template(_SHADER).substitute(amounts=amounts)
    indented = "".join(f"{indent}{line}\n" for line in shader.splitlines())
    return Template(text).substitute(stem=stem, green="down" if green_down else "up", shader=indented)
